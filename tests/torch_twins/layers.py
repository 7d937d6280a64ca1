"""Bricks that several twins share."""

from __future__ import annotations

import torch
from torch import nn


class NamedSequential(nn.Sequential):
    """A Sequential whose parts are given, and named, as keywords."""

    def __init__(self, **parts: nn.Module):
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


class Residual(nn.Module):
    """x + branch(x), under the branch's own names."""

    def __init__(self, **parts: nn.Module):
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x):
        y = x
        for part in self.children():
            y = part(y)
        return x + y


def split_windows(x: torch.Tensor, window: int) -> torch.Tensor:
    """[B, H, W, C] to [B·windows, window², C]."""
    channels = x.shape[-1]
    rows = x.unfold(1, window, window).unfold(2, window, window)
    return rows.permute(0, 1, 2, 4, 5, 3).reshape(-1, window * window, channels)


def join_windows(x: torch.Tensor, window: int, height: int, width: int) -> torch.Tensor:
    """Undoes `split_windows`."""
    channels = x.shape[-1]
    x = x.view(-1, height // window, width // window, window, window, channels)
    return x.transpose(2, 3).reshape(-1, height, width, channels)


def heads_first(x: torch.Tensor, heads: int) -> torch.Tensor:
    """[B, tokens, heads·d] to [B, heads, tokens, d]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def offsets(window: int) -> torch.Tensor:
    """[2, window², window²]: row and column of the query less those of the key."""
    grid = torch.cartesian_prod(torch.arange(window), torch.arange(window))
    return (grid[:, None] - grid[None]).permute(2, 0, 1)
