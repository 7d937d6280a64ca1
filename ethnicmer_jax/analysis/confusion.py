"""Scores as functions of confusion matrices, for one or for thousands at once.

Rows are true classes, columns predicted ones; leading axes are broadcast. Counts may be
weighted, so they are integers or floats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float, Real
from numpy.typing import ArrayLike

Matrices = Real[np.ndarray, "*batch classes classes"]


def f1(confusion: Matrices) -> Float[np.ndarray, "*batch classes"]:
    """F1 of each class; NaN where a class is neither true nor predicted."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    return _ratio(2 * hits, _true(confusion) + _called(confusion))


def recall(confusion: Matrices) -> Float[np.ndarray, "*batch classes"]:
    """Recall (true-positive rate) of each class; NaN where no clip has the class."""
    return _ratio(np.diagonal(confusion, axis1=-2, axis2=-1), _true(confusion))


def false_positive_rate(confusion: Matrices) -> Float[np.ndarray, "*batch classes"]:
    """Share of other classes' clips given each class; NaN without such clips."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    false_positives = _called(confusion) - hits
    others = confusion.sum(axis=(-2, -1))[..., None] - _true(confusion)
    return _ratio(false_positives, others)


def uf1(confusion: Matrices) -> Float[np.ndarray, "*batch"]:
    """Unweighted F1 (macro F1): the mean over classes that are true or predicted.

    A class that nobody has and nobody predicts says nothing and is left out; one
    that is predicted though nobody has it counts as 0, as in scikit-learn's
    `f1_score(average="macro")`. NaN without clips.
    """
    return mean_of_defined(f1(confusion))


def uar(confusion: Matrices) -> Float[np.ndarray, "*batch"]:
    """Unweighted average recall: the mean over classes that some clip has.

    Equals scikit-learn's `balanced_accuracy_score`. NaN without clips.
    """
    return mean_of_defined(recall(confusion))


def accuracy(confusion: Matrices) -> Float[np.ndarray, "*batch"]:
    """Share of clips on the diagonal; NaN without clips."""
    hits = np.trace(confusion, axis1=-2, axis2=-1)
    return _ratio(hits, confusion.sum(axis=(-2, -1)))


Score = Callable[[np.ndarray], np.ndarray]
"""Maps confusion matrices [..., C, C] to scores [...]."""

SCORES: Mapping[str, Score] = {"uf1": uf1, "uar": uar, "accuracy": accuracy}
"""Every score that is reported; larger is better (the worst group has the smallest)."""

LABELS: Mapping[str, str] = {"uf1": "UF1", "uar": "UAR", "accuracy": "Accuracy"}
"""What people call each of SCORES."""

CLASS_RATES: Mapping[str, Score] = {
    "f1": f1,
    "recall": recall,
    "false_positive_rate": false_positive_rate,
}
"""Maps confusion matrices [..., C, C] to one rate for each class, [..., C]."""


def of_class(rate: Score, index: int) -> Score:
    """One of CLASS_RATES for the class of that index, as a score of its own."""
    return lambda matrices: rate(matrices)[..., index]


def mean_of_defined(values: Float[np.ndarray, "*batch items"]) -> Float[np.ndarray, "*batch"]:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))


def _true(confusion: np.ndarray) -> np.ndarray:
    """Clips of each class, [..., C]."""
    # On axes this short `sum` takes four times as long, and a study has millions of matrices.
    return np.einsum("...ij->...i", confusion)


def _called(confusion: np.ndarray) -> np.ndarray:
    """Clips given each class, [..., C]."""
    return np.einsum("...ij->...j", confusion)


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> np.ndarray:
    """The quotient, NaN where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(
        np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    )
    return np.divide(
        numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0
    )
