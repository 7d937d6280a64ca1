"""What the two branches have to learn: class indices and their names."""

from __future__ import annotations

import dataclasses

import numpy as np

from ethnicmer_jax.dataset import Dataset
from ethnicmer_jax.protocols.grouping import Grouping
from ethnicmer_jax.schema import EMOTIONS, ETHNICITIES, UNKNOWN, UserError

ETHNIC_TARGETS = ("ethnicity", "group")


@dataclasses.dataclass(frozen=True)
class Targets:
    """Labels of n clips.

    Attributes:
      emotion: int32 [n], index into `emotion_names`.
      emotion_names: EMOTIONS, or ("negative", "other").
      ethnic: int32 [n], index into `ethnic_names`; -1 for Unknown, which no ethnic
        loss sees.
      ethnic_names: the ethnicities, or the groups of the protocol's grouping.
    """

    emotion: np.ndarray
    emotion_names: tuple[str, ...]
    ethnic: np.ndarray
    ethnic_names: tuple[str, ...]


def build(dataset: Dataset, classes: int, ethnic_target: str, grouping: Grouping) -> Targets:
    """The labels under a config.

    Args:
      dataset: n clips.
      classes: 3, or 2 for negative against the rest (the reference's SVM variant).
      ethnic_target: "ethnicity" (five classes) or "group" (those of `grouping`).
      grouping: the protocol's grouping.

    Raises:
      UserError: another number of classes, or another target.
    """
    if classes not in (2, 3):
        raise UserError(f"data.classes is {classes}; choose 3, or 2 (negative against the rest)")
    if ethnic_target not in ETHNIC_TARGETS:
        raise UserError(f"model.ethnic_target {ethnic_target!r}: choose from {ETHNIC_TARGETS}")
    emotion, names = dataset.emotion, EMOTIONS
    if classes == 2:
        emotion, names = (emotion != EMOTIONS.index("negative")).astype(np.int32), _TWO
    if ethnic_target == "group":
        return Targets(emotion, names, grouping.indices(dataset.ethnicity), grouping.names)
    known = tuple(name for name in ETHNICITIES if name != UNKNOWN)
    unknown = dataset.ethnicity == ETHNICITIES.index(UNKNOWN)
    return Targets(emotion, names, np.where(unknown, -1, dataset.ethnicity).astype(np.int32), known)


_TWO = ("negative", "other")
