"""The PyTorch side of the comparison: STSTNet as its paper draws it, in a plain loop."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ethnicmer_jax.protocols.fold_table import FoldTable

BATCH = 32


class STSTNet(nn.Module):
    """Three streams of convolution, ReLU, BatchNorm and pooling; one linear head."""

    def __init__(self):
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(3, channels, 3, padding=1),
                nn.ReLU(),
                nn.BatchNorm2d(channels),
                nn.MaxPool2d(3, 3, padding=1),
            )
            for channels in (3, 5, 8)
        )
        self.pool = nn.AvgPool2d(2, 2)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(5 * 5 * 16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [batch, 3, 28, 28] to logits [batch, 3]."""
        x = torch.cat([stream(x) for stream in self.streams], 1)
        return self.head(self.dropout(self.pool(x).flatten(1)))


def scaled(flow: np.ndarray) -> torch.Tensor:
    """Flow [n, H, W, 3] at [-1, 1] per clip and channel, channels first."""
    low, high = flow.min((1, 2), keepdims=True), flow.max((1, 2), keepdims=True)
    image = 2 * (flow - low) / np.maximum(high - low, 1e-7) - 1
    return torch.from_numpy(np.ascontiguousarray(image.transpose(0, 3, 1, 2), np.float32))


def train_fold(
    flow: np.ndarray, emotion: np.ndarray, train: np.ndarray, epochs: int, *, loader: bool
) -> nn.Module:
    """Trains one fold; `loader` uses a DataLoader instead of indexing tensors."""
    images, labels = scaled(flow[train]), torch.from_numpy(emotion[train].astype(np.int64))
    model, loss = STSTNet(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batches = DataLoader(TensorDataset(images, labels), BATCH, shuffle=True) if loader else None
    for _ in range(epochs):
        if batches is None:
            parts = torch.randperm(len(labels)).split(BATCH)
            stream = ((images[part], labels[part]) for part in parts)
        else:
            stream = iter(batches)
        for image, label in stream:
            optimizer.zero_grad()
            loss(model(image), label).backward()
            optimizer.step()
    return model.eval()


def loso(
    flow: np.ndarray, emotion: np.ndarray, folds: FoldTable, epochs: int, *, loader: bool
) -> np.ndarray:
    """Trains all folds and predicts their held-out clips; int [n]."""
    torch.manual_seed(0)
    images = scaled(flow)
    predicted = np.full(len(emotion), -1)
    for train, test in zip(folds.train, folds.test, strict=True):
        model = train_fold(flow, emotion, train, epochs, loader=loader)
        with torch.no_grad():
            predicted[test] = model(images[torch.from_numpy(test)]).argmax(1).numpy()
    return predicted


def pooled_uf1(emotion: np.ndarray, predicted: np.ndarray, folds: FoldTable) -> float:
    """Macro F1 over all held-out clips."""
    tested = folds.test.any(0)
    return float(f1_score(emotion[tested], predicted[tested], average="macro"))
