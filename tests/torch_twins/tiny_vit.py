"""TinyViT under timm's names (Wu et al., ECCV 2022)."""

from __future__ import annotations

import torch
from torch import nn

from torch_twins.layers import (
    NamedSequential,
    Residual,
    heads_first,
    join_windows,
    offsets,
    split_windows,
)


def conv_norm(inputs: int, width: int, size: int = 1, stride: int = 1, groups: int = 1):
    conv = nn.Conv2d(inputs, width, size, stride, size // 2, groups=groups, bias=False)
    return NamedSequential(conv=conv, bn=nn.BatchNorm2d(width))


def mb_conv(width: int) -> nn.Module:
    wide = 4 * width
    branch = Residual(
        conv1=conv_norm(width, wide),
        act1=nn.GELU(),
        conv2=conv_norm(wide, wide, 3, groups=wide),
        act2=nn.GELU(),
        conv3=conv_norm(wide, width),
    )
    branch.register_forward_hook(lambda module, inputs, output: nn.functional.gelu(output))
    return branch


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, window: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))
        rows, columns = offsets(window).abs()
        self.register_buffer("index", rows * window + columns, persistent=False)

    def forward(self, x):
        query, key, value = heads_first(self.qkv(self.norm(x)), self.heads).chunk(3, dim=-1)
        y = nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=self.attention_biases[:, self.index]
        )
        return self.proj(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, window: int):
        super().__init__()
        self.window = window
        self.attn = Attention(width, heads, window)
        self.local_conv = conv_norm(width, width, 3, groups=width)
        self.mlp = NamedSequential(
            norm=nn.LayerNorm(width),
            fc1=nn.Linear(width, 4 * width),
            act=nn.GELU(),
            fc2=nn.Linear(4 * width, width),
        )

    def forward(self, x):
        tokens = x.permute(0, 2, 3, 1)
        attended = self.attn(split_windows(tokens, self.window))
        tokens = tokens + join_windows(attended, self.window, *tokens.shape[1:3])
        tokens = self.local_conv(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return (tokens + self.mlp(tokens)).permute(0, 3, 1, 2)


def merging(inputs: int, width: int) -> nn.Module:
    return NamedSequential(
        conv1=conv_norm(inputs, width),
        act1=nn.GELU(),
        conv2=conv_norm(width, width, 3, 2, groups=width),
        act2=nn.GELU(),
        conv3=conv_norm(width, width),
    )


class TinyViT(nn.Module):
    def __init__(
        self,
        size: int = 224,
        classes: int = 1000,
        widths: tuple[int, ...] = (64, 128, 160, 320),
        depths: tuple[int, ...] = (2, 2, 6, 2),
    ):
        super().__init__()
        self.patch_embed = NamedSequential(
            conv1=conv_norm(3, widths[0] // 2, 3, 2),
            act=nn.GELU(),
            conv2=conv_norm(widths[0] // 2, widths[0], 3, 2),
        )
        first = NamedSequential(
            blocks=nn.Sequential(*(mb_conv(widths[0]) for _ in range(depths[0])))
        )
        self.stages = nn.Sequential(first)
        for stage in (1, 2, 3):
            width = widths[stage]
            window = size // 16 if stage == 2 else size // 32
            blocks = (Block(width, width // 32, window) for _ in range(depths[stage]))
            self.stages.append(
                NamedSequential(
                    downsample=merging(widths[stage - 1], width), blocks=nn.Sequential(*blocks)
                )
            )
        self.head = NamedSequential(
            norm=nn.LayerNorm(widths[-1]), fc=nn.Linear(widths[-1], classes)
        )

    def forward(self, x):
        return self.head(self.stages(self.patch_embed(x)).mean((2, 3)))
