"""Dual-ATME in PyTorch, written from its published layers; names are those of its public code."""

from __future__ import annotations

from genuine_torch import torch  # skips whoever imports this where there is none

nn = torch.nn


def unit(inputs, width, size):
    conv = nn.Conv2d(inputs, width, size, padding=size // 2)
    return conv, nn.BatchNorm2d(width), nn.ReLU()


class Inception(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.branch1x1 = nn.Sequential(*unit(inputs, width, 1))
        self.branch3x3 = nn.Sequential(*unit(inputs, 6, 1), *unit(6, width, 3))
        self.branch5x5 = nn.Sequential(*unit(inputs, 6, 1), *unit(6, width, 5))
        self.branch_pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), *unit(inputs, width, 1))

    def forward(self, x):
        branches = (self.branch1x1, self.branch3x3, self.branch5x5, self.branch_pool)
        return torch.cat([branch(x) for branch in branches], dim=1)


class BlockAttention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        narrow = channels // 16
        first, last = nn.Linear(channels, narrow), nn.Linear(narrow, channels)
        self.shared_MLP = nn.Sequential(first, nn.ReLU(), last)
        self.conv2d = nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, x):
        summaries = x.mean((2, 3)), x.amax((2, 3))
        x = x * torch.sigmoid(sum(map(self.shared_MLP, summaries)))[:, :, None, None]
        summary = torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), dim=1)
        return x * torch.sigmoid(self.conv2d(summary))


class DualATME(nn.Module):
    """The network of 28 px images; the parts are cut out where pupils and mouth corners are."""

    def __init__(self, attend_parts=True, hidden=1024):
        super().__init__()
        for branch in (1, 2):
            self.add_module(f"Inception{branch}_1", Inception(3, 6))
            self.add_module(f"Inception{branch}_2", Inception(24, 12))
        self.attend_parts, self.cbam = attend_parts, BlockAttention(48)
        self.fc = nn.Sequential(
            nn.Linear(2 * 48 * 49, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(hidden, 3),
        )

    def forward(self, x):
        # Pupils 7.4 and 20.6 px from the left, 6.6 from the top; mouth corners 8.6, 19.4 and 21.3.
        left = torch.cat((x[:, :, :14, :14], x[:, :, 14:, 1:15]), dim=3)
        right = torch.cat((x[:, :, :14, 13:27], x[:, :, 14:, 12:26]), dim=3)
        whole = self.halved(self.Inception1_2, self.halved(self.Inception1_1, x))
        parts = self.halved(self.Inception2_1, torch.cat((left, right), dim=2))
        parts = self.halved(self.Inception2_2, parts)
        parts = self.cbam(parts) if self.attend_parts else parts
        return self.fc(torch.cat((self.cbam(whole), parts), dim=1).flatten(1))

    @staticmethod
    def halved(layer, x):
        return nn.functional.max_pool2d(layer(x), 2)
