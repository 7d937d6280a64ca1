"""VGG-16 under VGG-Face's names (Parkhi et al., BMVC 2015)."""

from __future__ import annotations

import torch
from torch import nn


class VGGFace(nn.Module):
    def __init__(
        self,
        classes: int = 2622,
        widths: tuple[int, ...] = (64, 128, 256, 512, 512),
        hidden: int = 4096,
    ):
        super().__init__()
        inputs = 3
        for block, (width, depth) in enumerate(zip(widths, (2, 2, 3, 3, 3), strict=True), start=1):
            for index in range(1, depth + 1):
                self.add_module(f"conv{block}_{index}", nn.Conv2d(inputs, width, 3, padding=1))
                inputs = width
        self.fc6 = nn.Linear(49 * inputs, hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.fc8 = nn.Linear(hidden, classes)

    def forward(self, x):
        names = [name for name, _ in self.named_children() if name.startswith("conv")]
        for name, following in zip(names, [*names[1:], "end"], strict=True):
            x = torch.relu(getattr(self, name)(x))
            if name[:5] != following[:5]:
                x = nn.functional.max_pool2d(x, 2, 2)
        x = nn.functional.adaptive_avg_pool2d(x, 7).flatten(1)
        return self.fc8(torch.relu(self.fc7(torch.relu(self.fc6(x)))))
