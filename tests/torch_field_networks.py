"""The field's networks in PyTorch, written from their published layers; no package has them.

Names are those of the public code that each backbone's module names, so that weights fit both.
"""

from __future__ import annotations

from genuine_torch import torch  # skips whoever imports this where there is none

nn = torch.nn


def maybe_relu(relu):
    return nn.ReLU() if relu else nn.Identity()


class OffStream(nn.Module):
    def __init__(self, widths, relu):
        super().__init__()
        self.conv1 = nn.Conv2d(1, widths[0], 5, padding=2)
        self.conv2 = nn.Conv2d(widths[0], widths[1], 5, padding=2)
        self.after = nn.Sequential(maybe_relu(relu), nn.MaxPool2d(2, 2))

    def forward(self, x):
        return self.after(self.conv2(self.after(self.conv1(x)))).flatten(1)


class OffApexNet(nn.Module):
    def __init__(self, size=28, widths=(6, 16), hidden=1024, relu=True):
        super().__init__()
        self.cnn1, self.cnn2 = OffStream(widths, relu), OffStream(widths, relu)
        self.dense = nn.Sequential(
            nn.Linear(2 * widths[1] * (size // 4) ** 2, hidden),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(hidden, 3),
        )

    def forward(self, x):
        return self.dense(torch.cat((self.cnn1(x[:, :1]), self.cnn2(x[:, 1:2])), dim=1))


class Inception(nn.Module):
    def __init__(self, inputs, width, relu):
        super().__init__()

        def narrow():
            return nn.Conv2d(inputs, width, 1)

        def wide(size):
            conv = nn.Conv2d(width, width, size, padding=size // 2)
            return nn.Sequential(narrow(), nn.ReLU(), conv, nn.ReLU())

        self.path1, self.path2 = wide(5), wide(3)
        self.path3 = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), narrow(), nn.ReLU())
        self.path4 = narrow()
        self.last = maybe_relu(relu)

    def forward(self, x):
        paths = (self.path1(x), self.path2(x), self.path3(x), self.last(self.path4(x)))
        return nn.functional.max_pool2d(torch.cat(paths, dim=1), 2, 2)


class DualInception(nn.Module):
    def __init__(self, size=28, widths=(6, 16), hidden=1024, relu=True):
        super().__init__()
        for number in (1, 2):
            blocks = Inception(1, widths[0], relu), Inception(4 * widths[0], widths[1], relu)
            self.add_module(f"icpt{number}", nn.Sequential(*blocks))
        flat = 2 * 4 * widths[1] * (size // 4) ** 2
        self.dense = nn.Sequential(nn.Linear(flat, hidden), nn.ReLU(), nn.Linear(hidden, 3))

    def forward(self, x):
        streams = self.icpt1(x[:, :1]).flatten(1), self.icpt2(x[:, 1:2]).flatten(1)
        return self.dense(torch.cat(streams, dim=1))


def unit(inputs, width, size, padding):
    conv = nn.Conv2d(inputs, width, size, padding=padding)
    return nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU())


class Recurrent(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.ffconv, self.rrconv = unit(width, width, 1, 0), unit(width, width, 3, 1)

    def forward(self, x):
        return self.rrconv(x + self.rrconv(x + self.ffconv(x)))


class Dense(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1, self.conv2 = unit(width, width, 1, 0), unit(width, width, 3, 1)
        self.conv3 = unit(width, width, 3, 1)  # made by the authors' code, and never called

    def forward(self, x):
        y = self.conv1(x)
        z = self.conv2(x + y)
        e = self.conv2(x + y + z)
        return self.conv2(x + y + z + e)


class RCN(nn.Module):
    def __init__(self, form="dense", width=32, grid=5):
        super().__init__()
        self.form = form
        if form == "wide":
            for reach, share in ((1, 2), (2, 4), (3, 4)):
                conv = nn.Conv2d(3, width // share, 3, stride=3, padding=reach, dilation=reach)
                stream = nn.Sequential(conv, nn.ReLU(), nn.BatchNorm2d(width // share))
                self.add_module(f"stream{reach}", stream)
        else:
            self.conv1 = unit(3, width, 5, 0)
        block = Dense(width) if form == "dense" else Recurrent(width)
        self.add_module("dbl" if form == "dense" else "rcls", nn.Sequential(block))
        self.grid = nn.AdaptiveAvgPool2d((grid, grid))
        self.classifier = nn.Linear(grid * grid * width, 3)

    def forward(self, x):
        if self.form == "wide":
            x = torch.cat([getattr(self, f"stream{reach}")(x) for reach in (1, 2, 3)], dim=1)
        else:
            x = nn.functional.max_pool2d(self.conv1(x), 2, 2)
        x = self.dbl(x) if self.form == "dense" else self.rcls(x)
        x = self.grid(nn.functional.max_pool2d(x, 2, 2))
        return self.classifier(x.flatten(1))
