"""Scores as functions of confusion matrices, for one or for thousands at once.

Every score of the project is a function of pooled counts, so a resample of
subjects is a weighted sum of their matrices and needs no pass over the clips.
Rows are true classes, columns predicted ones; leading axes are broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Counts int64 [C, C] of (true, predicted) pairs of class indices, each int [n]."""
    cells = np.asarray(truth) * n_classes + np.asarray(predicted)
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def grouped_confusion(
    truth: np.ndarray, predicted: np.ndarray, unit: np.ndarray, n_units: int, n_classes: int
) -> np.ndarray:
    """One confusion matrix a unit (a subject, a run, ...): int64 [n_units, C, C].

    Args:
      truth: class indices int [n].
      predicted: class indices int [n].
      unit: the unit that each row belongs to, int [n] in [0, n_units).
      n_units: number of units.
      n_classes: C.
    """
    cells = (np.asarray(unit) * n_classes + truth) * n_classes + predicted
    counts = np.bincount(cells, minlength=n_units * n_classes**2)
    return counts.reshape(n_units, n_classes, n_classes)


def f1(confusion: np.ndarray) -> np.ndarray:
    """F1 of each class, float64 [..., C]; NaN where a class is neither true nor predicted."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    return _ratio(2 * hits, _true(confusion) + _called(confusion))


def recall(confusion: np.ndarray) -> np.ndarray:
    """Recall (true-positive rate) of each class, [..., C]; NaN where no clip has the class."""
    return _ratio(np.diagonal(confusion, axis1=-2, axis2=-1), _true(confusion))


def false_positive_rate(confusion: np.ndarray) -> np.ndarray:
    """Share of other classes' clips given each class, [..., C]; NaN without such clips."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    false_positives = _called(confusion) - hits
    others = confusion.sum(axis=(-2, -1))[..., None] - _true(confusion)
    return _ratio(false_positives, others)


def uf1(confusion: np.ndarray) -> np.ndarray:
    """Unweighted F1 (macro F1), [...]: the mean over classes that are true or predicted.

    A class that nobody has and nobody predicts says nothing and is left out; one
    that is predicted though nobody has it counts as 0, as in scikit-learn's
    `f1_score(average="macro")`. NaN without clips.
    """
    return _mean_of_defined(f1(confusion))


def uar(confusion: np.ndarray) -> np.ndarray:
    """Unweighted average recall, [...]: the mean over classes that some clip has.

    Equals scikit-learn's `balanced_accuracy_score`. NaN without clips.
    """
    return _mean_of_defined(recall(confusion))


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of clips on the diagonal, [...]; NaN without clips."""
    hits = np.trace(confusion, axis1=-2, axis2=-1)
    return _ratio(hits, confusion.sum(axis=(-2, -1)))


Score = Callable[[np.ndarray], np.ndarray]
"""Maps confusion matrices [..., C, C] to scores [...]."""

SCORES: Mapping[str, Score] = {"uf1": uf1, "uar": uar, "accuracy": accuracy}


def _true(confusion: np.ndarray) -> np.ndarray:
    """Clips of each class, [..., C]."""
    # On axes this short `sum` takes four times as long, and a study has millions of matrices.
    return np.einsum("...ij->...i", confusion)


def _called(confusion: np.ndarray) -> np.ndarray:
    """Clips given each class, [..., C]."""
    return np.einsum("...ij->...j", confusion)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, NaN where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(
        np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    )
    return np.divide(
        numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0
    )


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0).sum(axis=-1), defined.sum(axis=-1))
