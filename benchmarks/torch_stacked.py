"""The PyTorch side of the comparison, many folds at once: `torch.func` over stacked networks.

The arithmetic is that of `torch_loso.train_fold`. Folds differ in their numbers of clips, hence in
the size of an epoch's last batch; folds whose batch is of one size are worked through together.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import nn

from benchmarks import torch_loso
from ethnicmer_jax.protocols.fold_table import FoldTable

Stacked = dict[str, torch.Tensor]
"""Parameter or buffer -> those of all folds, [folds, ...]."""

_DECAYS, _TINY = (0.9, 0.999), 1e-8
"""Of Adam, as `torch.optim.Adam` has them."""


def predictions(
    images: torch.Tensor, labels: torch.Tensor, folds: FoldTable, epochs: int
) -> np.ndarray:
    """Trains all folds side by side, and predicts their held-out clips.

    Args:
      images: float32 [n, 3, H, W].
      labels: int64 [n].
      folds: over the n clips.
      epochs: of every fold.

    Returns:
      int [n], the predicted classes; -1 for clips that no fold tests.
    """
    sets = [torch.from_numpy(np.flatnonzero(mask)) for mask in folds.train]
    training = Training(len(sets), images.device)
    for _ in range(epochs):
        orders = [clips[torch.randperm(len(clips))] for clips in sets]
        for rows, clips in _batches(orders):
            clips = clips.to(images.device)
            training.step(rows, images[clips], labels[clips])
    predicted = np.full(len(labels), -1)
    for row, test in enumerate(folds.test):
        with torch.no_grad():
            logits = training.network(row)(images[torch.from_numpy(test)])
        predicted[test] = logits.argmax(1).cpu().numpy()
    return predicted


def _batches(orders: list[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Rows of folds and their clips [rows, batch], batch after batch of an epoch."""
    split = [order.split(torch_loso.BATCH) for order in orders]
    for number in range(max(map(len, split))):
        alike: dict[int, list[int]] = {}
        for row, parts in enumerate(split):
            if number < len(parts):
                alike.setdefault(len(parts[number]), []).append(row)
        for rows in alike.values():
            yield torch.tensor(rows), torch.stack([split[row][number] for row in rows])


class Training:
    """Stacked networks with their Adam.

    Attributes:
      skeleton: what `functional_call` gives the parameters of a fold.
    """

    def __init__(self, folds: int, device: torch.device):
        """Fresh networks for so many folds."""
        models = [torch_loso.STSTNet().to(device) for _ in range(folds)]
        self.skeleton = copy.deepcopy(models[0])
        params, self._buffers = torch.func.stack_module_state(models)
        self._params: Stacked = {name: p.detach() for name, p in params.items()}
        self._moments = [
            {name: torch.zeros_like(p) for name, p in self._params.items()} for _ in range(2)
        ]
        self._steps = torch.zeros(folds, device=device)
        self._gradient: Callable[..., Stacked] = torch.func.vmap(
            torch.func.grad(self._loss), randomness="different"
        )

    def step(self, rows: torch.Tensor, images: torch.Tensor, labels: torch.Tensor) -> None:
        """A step of some folds on [rows, batch] examples."""
        everyone = len(rows) == len(self._steps)
        place = slice(None) if everyone else rows.to(self._steps.device)
        params, buffers = ({n: t[place] for n, t in stack.items()}
                           for stack in (self._params, self._buffers))  # fmt: skip
        gradient = self._gradient(params, buffers, images, labels)
        if not everyone:
            for name, values in buffers.items():
                self._buffers[name][place] = values
        self._steps[place] += 1
        for name, values in gradient.items():
            self._adam(name, place, values)

    def network(self, row: int) -> nn.Module:
        """The trained network of a fold, in evaluation mode."""
        state = {name: values[row] for name, values in {**self._params, **self._buffers}.items()}
        model = copy.deepcopy(self.skeleton).eval()
        model.load_state_dict(state)
        return model

    def _loss(
        self,
        params: Mapping[str, torch.Tensor],
        buffers: Mapping[str, torch.Tensor],
        images: torch.Tensor,
        labels: torch.Tensor,
    ) -> torch.Tensor:
        logits = torch.func.functional_call(self.skeleton, (params, buffers), (images,))
        return nn.functional.cross_entropy(logits, labels)

    def _adam(self, name: str, place: torch.Tensor | slice, gradient: torch.Tensor) -> None:
        first, second = (moments[name][place] for moments in self._moments)
        first = first.lerp(gradient, 1 - _DECAYS[0])
        second = (second * _DECAYS[1]).addcmul(gradient, gradient, value=1 - _DECAYS[1])
        steps = self._steps[place].reshape(-1, *[1] * (gradient.ndim - 1))
        scale = (second / (1 - _DECAYS[1] ** steps)).sqrt() + _TINY
        change = first / (1 - _DECAYS[0] ** steps) / scale
        self._moments[0][name][place], self._moments[1][name][place] = first, second
        self._params[name][place] -= torch_loso.RATE * change
