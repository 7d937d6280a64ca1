"""One network that learns from all clips of a data set, and what it makes of others; in memory.

The engine trains it as the only fold of a table, under the name of a job's final model, so
that of the same clips, settings and seed it is that model. Nothing is written.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
from jaxtyping import Float32

from ethnicmer_jax.base.run_id import EVERYBODY, FINAL, RunId
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.protocols.fold_table import from_rows
from ethnicmer_jax.training import device_data, devices, pretrained
from ethnicmer_jax.training.engine import Engine
from ethnicmer_jax.training.fold import FoldState, Learner

_LEAST = 64
"""Data sets are filled up to this many clips, twice as many, and so on: programs are compiled
for a number of clips, and cross-validation asks for many numbers."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A trained network, as plain arrays.

    Attributes:
      config: the whole config.
      emotion_names: the classes.
      ethnic_names: what an ethnic head tells apart.
      variables: "params" and "batch_stats", nested dicts of NumPy arrays.
    """

    config: ml_collections.ConfigDict
    emotion_names: tuple[str, ...]
    ethnic_names: tuple[str, ...]
    variables: dict[str, Any]

    def probabilities(self, dataset: Dataset) -> Float32[np.ndarray, "clips classes"]:
        """The class probabilities of n clips, float32 [n, classes]."""
        return self._of_blocks("probabilities", dataset, lambda heads: heads["p"])

    def features(self, dataset: Dataset) -> Float32[np.ndarray, "clips features"]:
        """What the final head reads of n clips, float32 [n, d]."""
        return self._of_blocks("features", dataset, lambda values: values)

    def _of_blocks(
        self, method: str, dataset: Dataset, chosen: Callable[[Any], jax.Array]
    ) -> np.ndarray:
        devices.local()
        n, clips = len(dataset), _filled_up(dataset)
        unknown = np.full(len(clips), -1, np.int32)
        targets = Targets(unknown, self.emotion_names, unknown, self.ethnic_names)
        learner = Learner.of(self.config, targets)
        starts = pretrained.read(self.config, learner.model)
        size = learner.eval_batch
        data = device_data.build(self.config, clips, targets, learner.model, starts, size)
        state = FoldState(self.variables["params"], self.variables["batch_stats"], (), np.int32(0))
        apply = _compiled(learner, method)
        # A last block that is filled up, so that one shape is compiled.
        rows = np.resize(np.arange(n, dtype=np.int32), (-(-n // size), size))
        blocks = [np.asarray(chosen(apply(state, data, block))) for block in rows]
        return np.concatenate(blocks)[:n]


def fit(config: ml_collections.ConfigDict, dataset: Dataset, targets: Targets) -> Network:
    """Trains a network on all clips.

    Args:
      config: of a network, see configs/common.py; `config.seed` is that of its stream.
      dataset: n clips.
      targets: their labels.

    Raises:
      UserError: a setting is not possible.
    """
    n, clips = len(dataset), _filled_up(dataset)
    taught = np.arange(len(clips)) < n
    run = RunId(job=FINAL, cell=EVERYBODY, seed=config.seed)
    folds = from_rows([(run, EVERYBODY, taught, np.zeros_like(taught))], len(clips))
    rows = np.resize(np.arange(n), len(clips))
    labels = dataclasses.replace(
        targets, emotion=targets.emotion[rows], ethnic=targets.ethnic[rows]
    )
    engine = Engine(config, clips, labels, folds)
    ((_, state),) = engine.trained()
    variables = {"params": _plain(state.params), "batch_stats": _plain(state.batch_stats)}
    return Network(config, targets.emotion_names, targets.ethnic_names, variables)


def _filled_up(dataset: Dataset) -> Dataset:
    """The clips, and after them some of them again, which nobody looks at."""
    size = _LEAST
    while size < len(dataset):
        size *= 2
    return dataset.select(np.resize(np.arange(len(dataset)), size))


@functools.lru_cache(maxsize=8)
def _compiled(learner: Learner, method: str) -> Callable[..., Any]:
    return jax.jit(getattr(learner, method))


def _plain(tree: Any) -> Any:
    """Nested dicts of NumPy arrays, which unpickle without Flax and JAX."""
    return {key: _plain(x) for key, x in tree.items()} if hasattr(tree, "items") else np.array(tree)
