"""STSTNet in three streams, as its public PyTorch code; no package on PyPI has it."""

from __future__ import annotations

from genuine_torch import torch  # skips whoever imports this where there is none

nn = torch.nn


class STSTNet(nn.Module):
    def __init__(self, classes: int = 3, size: int = 28, dropout: float = 0.0):
        super().__init__()
        for stream, width in enumerate((3, 5, 8), start=1):
            self.add_module(f"conv{stream}", nn.Conv2d(3, width, 3, padding=2))
            self.add_module(f"bn{stream}", nn.BatchNorm2d(width))
        self.relu = nn.ReLU()
        self.pool = nn.Sequential(nn.MaxPool2d(3, 3, padding=1), nn.Dropout(dropout))
        self.average = nn.AvgPool2d(2, 2)
        self.fc = nn.Linear(16 * (((size + 1) // 3 + 1) // 2) ** 2, classes)

    def forward(self, x):
        streams = []
        for stream in (1, 2, 3):
            y = self.relu(getattr(self, f"conv{stream}")(x))
            streams.append(self.pool(getattr(self, f"bn{stream}")(y)))
        return self.fc(self.average(torch.cat(streams, dim=1)).flatten(1))
