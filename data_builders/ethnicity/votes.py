"""What an annotator says about one clip, and the labels it may use."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from ethnicmer_jax.base.schema import ETHNICITIES, UNKNOWN, UserError, clip_key

LABELS = ETHNICITIES[: ETHNICITIES.index(UNKNOWN)]
"""What a vote may be for: codes 0 to 4 of the reference's annotation."""

LABEL_OF: Mapping[str, str] = {
    **{label.lower(): label for label in LABELS},
    "east asian": "Asian",
    "southeast asian": "Asian",
    "latino hispanic": "Others",
    "latino_hispanic": "Others",
    "middle eastern": "Others",
    "other": "Others",
}
"""Classes of the usual face classifiers -> the five labels."""


@dataclasses.dataclass(frozen=True)
class Vote:
    """What one annotator says about one clip.

    Attributes:
      database, subject, clip: identity, as in `schema.ClipLabels`.
      annotator: who says it.
      probabilities: over LABELS, summing to 1; None where the annotator failed.
      error: why it failed, "" otherwise.
      age_decade: decade of life, -1 unknown.
      gender: one of `schema.GENDERS`.
      stated: whether the label stands in a table; False where somebody has looked at a face.
    """

    database: str
    subject: str
    clip: str
    annotator: str
    probabilities: tuple[float, ...] | None
    error: str = ""
    age_decade: int = -1
    gender: str = "unknown"
    stated: bool = False

    def __post_init__(self):
        if (self.probabilities is None) != bool(self.error):
            raise ValueError(f"{self.key}: a vote has either probabilities or an error")
        if self.probabilities is None:
            return
        values = np.asarray(self.probabilities, float)
        if values.shape != (len(LABELS),) or not np.isfinite(values).all() or (values < 0).any():
            raise ValueError(
                f"{self.key}: {self.probabilities} are not probabilities over {LABELS}"
            )
        if abs(values.sum() - 1) > 1e-4:
            raise ValueError(f"{self.key}: the probabilities sum to {values.sum():.4f}, not 1")

    @property
    def key(self) -> str:
        """`database/subject/clip`."""
        return clip_key(self.database, self.subject, self.clip)

    @property
    def person(self) -> tuple[str, str]:
        """(database, subject)."""
        return self.database, self.subject

    @property
    def label(self) -> str | None:
        """The most probable label (the first of LABELS among equals), None on failure."""
        if self.probabilities is None:
            return None
        return LABELS[int(np.argmax(self.probabilities))]


class Annotator(Protocol):
    """Judges clips: from a table, or by looking at their frames."""

    @property
    def name(self) -> str:
        """As its votes have it."""

    def __len__(self) -> int:
        """How many votes there will be."""

    def votes(self) -> Iterator[Vote]:
        """One vote per clip; a clip that cannot be judged is a vote with an `error`."""


def one_hot(label: str) -> tuple[float, ...]:
    """The probabilities of an annotator that names one label only."""
    return tuple(float(label == other) for other in LABELS)


def columns_of(classes: Sequence[str]) -> np.ndarray:
    """Which label each output of a classifier counts for.

    Args:
      classes: the classifier's classes in the order of its outputs, in any case.

    Returns:
      float64 [classes, labels]; right-multiplying probabilities by it sums them.

    Raises:
      UserError: a class is not known.
    """
    unknown = [name for name in classes if name.strip().lower() not in LABEL_OF]
    if unknown:
        raise UserError(
            f"classes {', '.join(unknown)} belong to none of {', '.join(LABELS)}; "
            f"known: {', '.join(sorted(LABEL_OF))}"
        )
    return np.array([one_hot(LABEL_OF[name.strip().lower()]) for name in classes])
