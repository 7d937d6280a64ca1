"""Swin under torchvision's names (Liu et al., ICCV 2021)."""

from __future__ import annotations

import torch
from torch import nn

from torch_twins.layers import Residual, heads_first, join_windows, offsets, split_windows


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, window: int, shift: int):
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        span = 2 * window - 1
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.relative_position_bias_table = nn.Parameter(torch.zeros(span**2, heads))
        rows, columns = offsets(window) + window - 1
        self.register_buffer("relative_position_index", (rows * span + columns).flatten())

    def forward(self, x):
        height, width = x.shape[1:3]
        x = nn.functional.pad(x, (0, 0, 0, -width % self.window, 0, -height % self.window))
        sides = x.shape[1:3]
        shift = [self.shift if side > self.window else 0 for side in sides]
        tokens = split_windows(x.roll((-shift[0], -shift[1]), (1, 2)), self.window)
        query, key, value = (heads_first(y, self.heads) for y in self.qkv(tokens).chunk(3, -1))
        y = nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=self._scores(sides, shift).repeat(len(x), 1, 1, 1)
        )
        y = join_windows(self.proj(y.transpose(1, 2).flatten(2)), self.window, *sides)
        return y.roll((shift[0], shift[1]), (1, 2))[:, :height, :width]

    def _scores(self, sides, shift):
        """[windows, heads, tokens, tokens]: learnt biases, and -100 between strangers."""
        bias = self.relative_position_bias_table[self.relative_position_index]
        bias = bias.view(self.window**2, self.window**2, -1).permute(2, 0, 1)
        places = [torch.arange(side) for side in sides]
        # A token that the roll will carry around the edge is on another side of it.
        far = [
            2 * (place >= side - step) + (place >= side - self.window) if step else 0 * place
            for place, side, step in zip(places, sides, shift, strict=True)
        ]
        region = (4 * far[0][:, None] + far[1])[None, :, :, None]
        region = split_windows(region, self.window)
        strangers = region != region.transpose(1, 2)
        return bias[None] - 100.0 * strangers[:, None]


def block(width: int, heads: int, window: int, shift: int) -> nn.Module:
    mlp = nn.Sequential(
        nn.Linear(width, 4 * width),
        nn.GELU(),
        nn.Identity(),
        nn.Linear(4 * width, width),
    )
    attention = Residual(norm1=nn.LayerNorm(width), attn=Attention(width, heads, window, shift))
    feed_forward = Residual(norm2=nn.LayerNorm(width), mlp=mlp)
    return Block(attention, feed_forward)


class Block(nn.Module):
    """Two residual steps whose parts are named on one level."""

    def __init__(self, *steps: Residual):
        super().__init__()
        self.steps = steps
        for step in steps:
            for name, part in step.named_children():
                self.add_module(name, part)

    def forward(self, x):
        for step in self.steps:
            x = step(x)
        return x


class Merging(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x):
        corners = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(corners, dim=-1)))


class Embed(nn.Sequential):
    def __init__(self, width: int):
        super().__init__(nn.Conv2d(3, width, 4, 4), nn.Identity(), nn.LayerNorm(width))

    def forward(self, x):
        return self[2](self[0](x).permute(0, 2, 3, 1))


class Swin(nn.Module):
    def __init__(
        self,
        classes: int = 1000,
        width: int = 128,
        depths: tuple[int, ...] = (2, 2, 18, 2),
        heads: tuple[int, ...] = (4, 8, 16, 32),
        window: int = 7,
    ):
        super().__init__()
        self.features = nn.Sequential(Embed(width))
        for stage, depth in enumerate(depths):
            if stage:
                self.features.append(Merging(width))
                width *= 2
            blocks = (
                block(width, heads[stage], window, window // 2 if index % 2 else 0)
                for index in range(depth)
            )
            self.features.append(nn.Sequential(*blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.norm(self.features(x)).mean((1, 2)))
