"""Predictions as counts: one confusion matrix a (run, person).

Resampling persons with weights w gives the pooled matrices w @ counts, so
thousands of resamples cost one matrix product.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ethnicmer_jax.analysis import confusion
from ethnicmer_jax.base.predictions import Predictions

_CELLS_AT_ONCE = 4_000_000  # 32 MB of float64


@dataclasses.dataclass(frozen=True)
class SubjectCounts:
    """Pooled counts of R runs over S persons.

    Attributes:
      persons: `database/subject`, str [S], sorted.
      counts: float64 [R, S, C, C]; rows true, columns predicted.
    """

    persons: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, predictions: Predictions, persons: Sequence[str] | None = None) -> SubjectCounts:
        """Counts the rows of each run and person.

        Args:
          predictions: any runs.
          persons: who to count, sorted; everybody in `predictions` when None.
            A person without rows in a run counts zero there.

        Raises:
          ValueError: `predictions` holds somebody who is not in `persons`.
        """
        found = np.unique(predictions.person.astype(str))
        persons = found if persons is None else np.asarray(persons, str)
        if not np.isin(found, persons).all():
            raise ValueError("persons leaves out somebody who has predictions")
        run = predictions.table["run"].map({name: i for i, name in enumerate(predictions.runs)})
        person = np.searchsorted(persons, predictions.person.astype(str))
        n_runs, n_classes = len(predictions.runs), len(predictions.classes)
        counts = confusion.grouped_confusion(
            predictions.emotion_index,
            predictions.predicted,
            run.to_numpy() * len(persons) + person,
            n_runs * len(persons),
            n_classes,
        )
        shape = (n_runs, len(persons), n_classes, n_classes)
        return cls(persons, counts.reshape(shape).astype(np.float64))

    def of_runs(self, rows: np.ndarray) -> SubjectCounts:
        """The counts of some of the runs (their indices, or bool [R]), over the same persons."""
        return SubjectCounts(self.persons, self.counts[rows])

    def run_scores(self, weights: np.ndarray, score: confusion.Score) -> np.ndarray:
        """The score of every run with persons weighted.

        Args:
          weights: how often each person counts, [B, S].
          score: one of `confusion.SCORES`.

        Returns:
          float64 [B, R]; NaN where a run has no clip of positive weight.
        """
        n_runs, n_persons, n_classes, _ = self.counts.shape
        flat = self.counts.transpose(1, 0, 2, 3).reshape(n_persons, -1)
        step = max(1, _CELLS_AT_ONCE // flat.shape[1])
        values = np.empty((len(weights), n_runs))
        for start in range(0, len(weights), step):
            pooled = np.asarray(weights[start : start + step], np.float64) @ flat
            values[start : start + step] = score(pooled.reshape(-1, n_runs, n_classes, n_classes))
        return values

    def scores(self, weights: np.ndarray, score: confusion.Score) -> np.ndarray:
        """The score with persons weighted, averaged over the runs where it is defined.

        Args:
          weights: how often each person counts, [B, S].
          score: one of `confusion.SCORES`.

        Returns:
          float64 [B]; NaN where no run has a clip of positive weight.
        """
        return mean_of_defined(self.run_scores(weights, score))

    def score(self, score: confusion.Score) -> float:
        """The score with every person counted once, averaged over runs."""
        return float(self.scores(np.ones((1, len(self.persons))), score)[0])


def databases(persons: np.ndarray) -> np.ndarray:
    """The database of each `database/subject`, str [S]."""
    return np.array([str(person).split("/", 1)[0] for person in persons])


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    n_defined = defined.sum(axis=-1)
    total = np.where(defined, values, 0.0).sum(axis=-1)
    return np.where(n_defined > 0, total / np.maximum(n_defined, 1), np.nan)
