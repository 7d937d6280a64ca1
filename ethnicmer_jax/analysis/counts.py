"""Predictions as counts: one confusion matrix for each run and person.

Every score of the project is a function of these matrices, summed over persons. Resampling
persons with weights w gives the pooled matrices w @ counts, so thousands of resamples cost
one matrix product.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from ethnicmer_jax.analysis.confusion import Score, mean_of_defined
from ethnicmer_jax.base.predictions import Predictions

_CELLS_AT_ONCE = 4_000_000  # 32 MB of float64


@dataclasses.dataclass(frozen=True)
class Counts:
    """What R runs answered to the clips of S persons.

    Attributes:
      runs: run ids, [R].
      persons: `database/subject`, sorted, [S].
      classes: names of the C classes.
      matrices: clips by run, person, true class and predicted class. Somebody whom a run did
        not test has zeros there.
    """

    runs: tuple[str, ...]
    persons: Shaped[np.ndarray, " persons"]
    classes: tuple[str, ...]
    matrices: Int[np.ndarray, "runs persons classes classes"]

    @classmethod
    def of(cls, predictions: Predictions) -> Counts:
        """Counts the rows of each run and person."""
        return cls._of_rows(predictions, np.ones(len(predictions), bool))

    @classmethod
    def by(
        cls, predictions: Predictions, label: Shaped[np.ndarray, " rows"]
    ) -> Iterator[tuple[str, Counts]]:
        """The counts of the rows of each label, over the runs and persons of all rows.

        Args:
          predictions: any runs.
          label: of each row; rows labelled "" count nowhere.

        Yields:
          Every label that occurs, sorted, with its counts.
        """
        for name in sorted(set(label) - {""}):
            yield str(name), cls._of_rows(predictions, label == name)

    @classmethod
    def _of_rows(cls, predictions: Predictions, kept: Bool[np.ndarray, " rows"]) -> Counts:
        return cls.of_answers(
            predictions.runs,
            predictions.persons,
            predictions.classes,
            run=predictions.run_index[kept],
            person=predictions.person_index[kept],
            truth=predictions.emotion_index[kept],
            predicted=predictions.predicted[kept],
        )

    @classmethod
    def of_answers(
        cls,
        runs: Sequence[str],
        persons: Shaped[np.ndarray, " persons"],
        classes: Sequence[str],
        *,
        run: Int[np.ndarray, " answers"],
        person: Int[np.ndarray, " answers"],
        truth: Int[np.ndarray, " answers"],
        predicted: Int[np.ndarray, " answers"],
    ) -> Counts:
        """Counts answers, each given by its indices into runs, persons and classes (twice)."""
        shape = (len(runs), len(persons), len(classes), len(classes))
        cell = np.ravel_multi_index((run, person, truth, predicted), shape)
        matrices = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape)
        return cls(tuple(runs), persons, tuple(classes), matrices)

    def of_runs(self, rows: Bool[np.ndarray, " runs"] | Sequence[int]) -> Counts:
        """The counts of some of the runs (a mask or indices), over the same persons."""
        runs = tuple(np.array(self.runs, object)[np.asarray(rows)])
        return dataclasses.replace(self, runs=runs, matrices=self.matrices[np.asarray(rows)])

    def over(self, persons: Shaped[np.ndarray, " others"]) -> Counts:
        """The same counts over more persons: `persons` is sorted and holds all of these."""
        matrices = np.zeros((len(self.runs), len(persons), *self.matrices.shape[2:]), np.int64)
        matrices[:, np.searchsorted(persons, self.persons)] = self.matrices
        return dataclasses.replace(self, persons=persons, matrices=matrices)

    def tested_only(self) -> Counts:
        """The counts without the runs that tested nobody, and whom none of them tested."""
        tested = self.tested
        who = tested.any(axis=0)
        kept = self.of_runs(tested.any(axis=1))
        return dataclasses.replace(kept, persons=self.persons[who], matrices=kept.matrices[:, who])

    @functools.cached_property
    def tested(self) -> Bool[np.ndarray, "runs persons"]:
        """Whether a run tested a clip of a person."""
        return self.matrices.any(axis=(2, 3))

    @functools.cached_property
    def pooled(self) -> Int[np.ndarray, "runs classes classes"]:
        """The confusion matrix of each run."""
        return self.matrices.sum(axis=1)

    def run_scores(
        self, weights: Shaped[np.ndarray, "resamples persons"], *scores: Score
    ) -> Float[np.ndarray, "scores resamples runs"]:
        """Scores of every run with persons weighted.

        Args:
          weights: how often each person counts (a number or bool).
          *scores: of `confusion.SCORES`.

        Returns:
          Scores; NaN where a run has no clip of positive weight.
        """
        n_runs, n_persons, n_classes, _ = self.matrices.shape
        flat = self.matrices.transpose(1, 0, 2, 3).reshape(n_persons, -1).astype(np.float64)
        step = max(1, _CELLS_AT_ONCE // max(1, flat.shape[1]))
        values = np.empty((len(scores), len(weights), n_runs))
        for start in range(0, len(weights), step):
            pooled = np.asarray(weights[start : start + step], np.float64) @ flat
            pooled = pooled.reshape(-1, n_runs, n_classes, n_classes)
            for number, score in enumerate(scores):
                values[number, start : start + step] = score(pooled)
        return values

    def scores(
        self, weights: Shaped[np.ndarray, "resamples persons"], *scores: Score
    ) -> Float[np.ndarray, "scores resamples"]:
        """Scores with persons weighted, averaged over the runs where they are defined.

        Args:
          weights: how often each person counts (a number or bool).
          *scores: of `confusion.SCORES`.

        Returns:
          Scores; NaN where no run has a clip of positive weight.
        """
        return mean_of_defined(self.run_scores(weights, *scores))


def databases(persons: Shaped[np.ndarray, " persons"]) -> Shaped[np.ndarray, " persons"]:
    """The database of each `database/subject`."""
    return np.array([str(person).split("/", 1)[0] for person in persons])
