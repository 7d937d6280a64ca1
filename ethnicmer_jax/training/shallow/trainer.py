"""The folds of a table through a shallow classifier, spread over processes and resumable.

Same folds, same files and same table of predictions as the engine's; no checkpoints.
"""

from __future__ import annotations

import itertools
import math
import os
import pathlib
import platform
from collections.abc import Iterator
from typing import Any

import joblib
import ml_collections
import numpy as np

from ethnicmer_jax.base import environment, settings, stopping
from ethnicmer_jax.base.divergence import DivergedError, Divergence
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.data import within_database
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.training.fold_results import FoldResults
from ethnicmer_jax.training.shallow import features
from ethnicmer_jax.training.shallow.classifier import Recipe, run_fold

_CHUNK = 64
"""Folds that share a file of results: what an interruption costs at most."""


class Shallow:
    """Trains and predicts the folds of one table with scikit-learn.

    Attributes:
      dataset: the clips.
      targets: their labels.
      folds: the table.
      notes: lines on what was decided that a reader of the results should know.
    """

    def __init__(
        self,
        config: ml_collections.ConfigDict,
        dataset: Dataset,
        targets: Targets,
        folds: FoldTable,
    ):
        """Computes the features of all clips; nothing is trained yet.

        Args:
          config: the whole config; `classifier` is "svm" or "logistic".
          dataset: n clips.
          targets: their labels.
          folds: f rows over the n clips.

        Raises:
          UserError: a setting of the config is not possible.
        """
        settings.check(config.to_dict())
        self.dataset, self.targets, self.folds = dataset, targets, folds
        self._recipe = Recipe.of(config)
        self._features = features.extract(config, dataset, folds.seed)
        self._within = config.data.standardise == "database"
        self._processes = _processes(config.engine.devices, len(folds))
        self.notes: tuple[str, ...] = (f"{self._recipe}; features: {self._features.note}",)

    def train(self, workdir: pathlib.Path | None = None) -> Predictions | None:
        """Trains every fold that is not finished yet, and predicts its test clips.

        Final models are not trained here: nothing of them would be left. Whoever needs one
        fits it anew, which takes little time and gives the same model.

        Args:
          workdir: for the results of finished folds; without one, nothing is written and
            nothing can be resumed.

        Returns:
          The predictions of all folds; None where no fold tests anything.

        Raises:
          DivergedError: some folds predict no finite numbers; the results of all others are kept.
        """
        results = FoldResults(workdir / "parts" if workdir else None, self.folds)
        names = self.folds.names
        todo = [int(row) for row in self.folds.tested if names[row] not in results.done]
        done = self._run(todo)
        with Progress[None]("training", total=len(todo), unit="fold") as progress:
            for start in range(0, len(todo), _CHUNK):
                rows = todo[start : start + _CHUNK]
                blocks = []
                for block in itertools.islice(done, len(rows)):
                    blocks.append(block)
                    progress.update()
                self._finish(results, rows, blocks)
        if diverged := results.take_diverged(names):
            raise DivergedError(diverged, len(self.folds.tested))
        return results.predictions(self.folds, self.dataset, self.targets)

    def environment(self) -> dict[str, Any]:
        """Versions, processes and command behind the results."""
        return environment.describe([platform.processor() or platform.machine()] * self._processes)

    def clear(self, workdir: pathlib.Path) -> None:
        """Removes the results of single folds, once predictions.csv holds them all."""
        FoldResults(workdir / "parts").clear()

    def _finish(self, results: FoldResults, rows: list[int], blocks: list[np.ndarray]) -> None:
        """Keeps what is finite; names the folds whose predictions are not."""
        finite = [bool(np.isfinite(block).all()) for block in blocks]
        results.diverge(
            [self._diverged(row) for row, fine in zip(rows, finite, strict=True) if not fine]
        )
        kept = [place for place, fine in enumerate(finite) if fine]
        if kept:
            stacked = _stacked([blocks[place] for place in kept])
            results.add([self.folds.name(rows[place]) for place in kept], *stacked)

    def _diverged(self, row: int) -> Divergence:
        subjects = np.unique(self.dataset.person[self.folds.test.clips(row)])
        name = str(self.folds.run[row]), str(self.folds.fold[row])
        reason = "predictions that are no finite numbers"
        return Divergence(*name, tuple(map(str, subjects)), 0, math.nan, reason)

    def _run(self, rows: list[int]) -> Iterator[np.ndarray]:
        """The probabilities of some folds, in order, as they become ready."""
        parallel = joblib.Parallel(
            n_jobs=self._processes,
            return_as="generator",
            initializer=stopping.follow,
            initargs=(os.getpid(),),
        )
        table, labels = self.folds, self.targets.emotion
        return parallel(
            joblib.delayed(run_fold)(
                self._recipe,
                self._seen(row),
                labels,
                table.train[row],
                table.test[row],
                len(self.targets.emotion_names),
            )
            for row in rows
        )

    def _seen(self, row: int) -> np.ndarray:
        """The features of all clips as a fold sees them, float32 [copies, n, d]."""
        values = self._features.by_seed[int(self.folds.seed[row])]
        if not self._within:
            return values
        database, names = self.targets.database, self.targets.database_names
        assert database is not None, "targets of a config name the databases"
        side = math.isqrt(values.shape[-1] // 3)
        flow = values.reshape(*values.shape[:2], side, side, 3)
        train = self.folds.train[row]
        flow = within_database.standardised(flow, database, len(names), train)
        return flow.reshape(values.shape)


def _processes(wanted: int, folds: int) -> int:
    """As many as there are cores, unless fewer are wanted or useful."""
    return min(wanted or joblib.cpu_count(), folds)


def _stacked(blocks: list[np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Blocks [t, classes] of folds as `FoldResults.add` wants them: filled up to one length."""
    n_test = np.asarray([len(block) for block in blocks])
    p = np.zeros((len(blocks), n_test.max(), blocks[0].shape[1]))
    for row, block in enumerate(blocks):
        p[row, : len(block)] = block
    return n_test, {"p": p}
