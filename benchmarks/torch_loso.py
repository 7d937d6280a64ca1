"""The PyTorch side of the comparison: STSTNet as its paper draws it, in a plain loop."""

from __future__ import annotations

import os

import joblib
import numpy as np
import torch
from joblib.externals import loky
from sklearn.metrics import f1_score
from torch import nn

from ethnicmer_jax.protocols.fold_table import FoldTable

BATCH, RATE = 32, 1e-3
"""Examples a step, and Adam's learning rate."""


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
    images: torch.Tensor, labels: torch.Tensor, epochs: int, compiled: bool = False
) -> nn.Module:
    """Trains one fold on tensors in the device's memory: a DataLoader would only slow it down."""
    model, loss = STSTNet().to(images.device), nn.CrossEntropyLoss()
    learner = torch.compile(model) if compiled else model
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    for _ in range(epochs):
        for part in torch.randperm(len(labels), device=images.device).split(BATCH):
            optimizer.zero_grad()
            loss(learner(images[part]), labels[part]).backward()
            optimizer.step()
    return model.eval()


def loso(
    flow: np.ndarray,
    emotion: np.ndarray,
    folds: FoldTable,
    epochs: int,
    *,
    processes: int = 1,
    device: str = "cpu",
    together: int = 1,
    compiled: bool = False,
) -> np.ndarray:
    """Trains all folds and predicts their held-out clips.

    Args:
      flow: float32 [n, H, W, 3].
      emotion: int [n].
      folds: over the n clips.
      epochs: of every fold.
      processes: more than one share the folds, each with a single thread; one uses every
        thread that PyTorch takes by itself.
      device: "cpu" or "cuda".
      together: folds that `torch.func.vmap` trains at a time; 1 for a loop over folds.
      compiled: whether steps go through `torch.compile`.

    Returns:
      int [n], the predicted classes; -1 for clips that no fold tests.
    """
    shares = [range(start, len(folds), processes) for start in range(processes)]
    threads = 1 if processes > 1 else None
    how = (epochs, threads, device, together, compiled)
    done = joblib.Parallel(n_jobs=processes)(
        joblib.delayed(_share)(flow, emotion, folds.select(list(share)), *how) for share in shares
    )
    if processes > 1:
        # They would be there for the next call: starting them is counted.
        loky.get_reusable_executor(reuse=True).shutdown(wait=True)
    # A clip is tested by one fold, hence by one process.
    return np.max(done, axis=0)


def _share(
    flow: np.ndarray,
    emotion: np.ndarray,
    folds: FoldTable,
    epochs: int,
    threads: int | None,
    device: str,
    together: int,
    compiled: bool,
) -> np.ndarray:
    if threads:
        torch.set_num_threads(threads)
        # `torch.compile` starts a pool of processes of its own otherwise.
        os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = str(threads)
    torch.manual_seed(0)
    images = scaled(flow).to(device)
    labels = torch.from_numpy(emotion.astype(np.int64)).to(device)
    predicted = np.full(len(emotion), -1)
    if together > 1:
        from benchmarks import torch_stacked

        for start in range(0, len(folds), together):
            part = folds.select(slice(start, start + together))
            found = torch_stacked.predictions(images, labels, part, epochs)
            predicted = np.maximum(predicted, found)
        return predicted
    for train, test in zip(folds.train, folds.test, strict=True):
        chosen = torch.from_numpy(train).to(device)
        model = train_fold(images[chosen], labels[chosen], epochs, compiled)
        with torch.no_grad():
            predicted[test] = model(images[torch.from_numpy(test)]).argmax(1).cpu().numpy()
    return predicted


def pooled_uf1(emotion: np.ndarray, predicted: np.ndarray, folds: FoldTable) -> float:
    """Macro F1 over all held-out clips."""
    tested = folds.test.union()
    return float(f1_score(emotion[tested], predicted[tested], average="macro"))
