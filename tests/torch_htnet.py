"""HTNet in PyTorch, written from its published layers; names are those of its public code."""

from __future__ import annotations

from genuine_torch import torch  # skips whoever imports this where there is none

nn = torch.nn


class ChannelNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.g = nn.Parameter(torch.ones(1, width, 1, 1))
        self.b = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, x):
        deviation = x - x.mean(1, keepdim=True)
        return (
            self.g * deviation / (deviation.square().mean(1, keepdim=True) + 1e-5).sqrt() + self.b
        )


class Normed(nn.Module):
    def __init__(self, width, layer):
        super().__init__()
        self.norm, self.fn = ChannelNorm(width), layer

    def forward(self, x):
        return x + self.fn(self.norm(x))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.head = heads, width // heads
        self.to_qkv = nn.Conv2d(width, 3 * heads * self.head, 1, bias=False)
        self.to_out = nn.Sequential(nn.Conv2d(heads * self.head, width, 1))

    def forward(self, x):
        batch, _, height, width = x.shape
        shape = (batch, 3, self.heads, self.head, height * width)
        query, key, value = self.to_qkv(x).reshape(shape).unbind(1)
        scores = torch.einsum("bhdi,bhdj->bhij", query, key) / self.head**0.5
        found = torch.einsum("bhij,bhdj->bhdi", scores.softmax(-1), value)
        return self.to_out(found.reshape(batch, -1, height, width))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        up, down = nn.Conv2d(width, 4 * width, 1), nn.Conv2d(4 * width, width, 1)
        self.net = nn.Sequential(up, nn.GELU(), nn.Identity(), down)

    def forward(self, x):
        return self.net(x)


class Blocks(nn.Module):
    def __init__(self, width, heads, depth, places):
        super().__init__()
        self.pos_emb = nn.Parameter(torch.randn(places))
        pairs = ((Attention(width, heads), Mlp(width)) for _ in range(depth))
        self.layers = nn.ModuleList(
            nn.ModuleList(Normed(width, layer) for layer in pair) for pair in pairs
        )

    def forward(self, x):
        x = x + self.pos_emb.reshape(1, 1, *x.shape[2:])
        for attention, mlp in self.layers:
            x = mlp(attention(x))
        return x


class HTNet(nn.Module):
    """The published network, without what cuts parts out of its images before."""

    def __init__(self, size=28, width=256, heads=3, depths=(2, 2, 10)):
        super().__init__()
        levels = len(depths)
        places = (size // 7 // 2 ** (levels - 1)) ** 2
        self.to_patch_embedding = nn.Sequential(nn.Identity(), nn.Conv2d(3 * 49, width, 1))
        self.layers = nn.ModuleList()
        for level, depth in enumerate(depths):
            wide = width * 2**level
            merge = nn.Identity()
            if level < levels - 1:
                conv = nn.Conv2d(wide, 2 * wide, 3, padding=1)
                merge = nn.Sequential(conv, ChannelNorm(2 * wide), nn.MaxPool2d(3, 2, 1))
            blocks = Blocks(wide, heads * 2**level, depth, places)
            self.layers.append(nn.ModuleList((blocks, merge)))
        last = width * 2 ** (levels - 1)
        self.mlp_head = nn.Sequential(ChannelNorm(last), nn.Identity(), nn.Linear(last, 3))

    def forward(self, x):
        batch, channels, size, _ = x.shape
        x = x.reshape(batch, channels, size // 7, 7, size // 7, 7)
        x = x.permute(0, 3, 5, 1, 2, 4).reshape(batch, 49 * channels, size // 7, size // 7)
        x = self.to_patch_embedding(x)
        for level, (blocks, merge) in enumerate(self.layers):
            cuts = 2 ** (len(self.layers) - 1 - level)
            rows = [torch.cat([blocks(y) for y in x_.chunk(cuts, 3)], 3) for x_ in x.chunk(cuts, 2)]
            x = merge(torch.cat(rows, 2))
        norm, _, head = self.mlp_head
        return head(norm(x).mean((2, 3)))
