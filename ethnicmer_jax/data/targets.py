"""What the two branches have to learn: class indices and their names."""

from __future__ import annotations

import dataclasses

import numpy as np

from ethnicmer_jax.base.grouping import Grouping
from ethnicmer_jax.base.schema import EMOTIONS, ETHNICITIES, UNKNOWN, UserError
from ethnicmer_jax.data import ethnic_controls
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.ethnic_controls import ETHNIC_LABELS

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


def build(
    dataset: Dataset,
    classes: int,
    ethnic_target: str,
    grouping: Grouping,
    ethnic_labels: str = "annotated",
    seed: int = 0,
) -> Targets:
    """The labels under a config.

    Args:
      dataset: n clips.
      classes: 3, or 2 for negative against the rest (the reference's SVM variant).
      ethnic_target: "ethnicity" (five classes) or "group" (those of `grouping`).
      grouping: the protocol's grouping.
      ethnic_labels: one of ETHNIC_LABELS; what is done to the ethnic labels, and to
        nothing else: see `ethnic_controls`.
      seed: of what is random about them.

    Raises:
      UserError: another number of classes, another target, or other labels.
    """
    if classes not in (2, 3):
        raise UserError(f"data.classes is {classes}; choose 3, or 2 (negative against the rest)")
    if ethnic_target not in ETHNIC_TARGETS:
        raise UserError(f"model.ethnic_target {ethnic_target!r}: choose from {ETHNIC_TARGETS}")
    if ethnic_labels not in ETHNIC_LABELS:
        raise UserError(f"model.ethnic_labels {ethnic_labels!r}: choose from {ETHNIC_LABELS}")
    emotion, names = dataset.emotion, EMOTIONS
    if classes == 2:
        emotion, names = (emotion != EMOTIONS.index("negative")).astype(np.int32), _TWO
    group = grouping.indices(dataset.ethnicity)
    if ethnic_target == "group":
        ethnic, ethnic_names = group, grouping.names
    else:
        ethnic_names = tuple(name for name in ETHNICITIES if name != UNKNOWN)
        unknown = dataset.ethnicity == ETHNICITIES.index(UNKNOWN)
        ethnic = np.where(unknown, -1, dataset.ethnicity).astype(np.int32)
    changed = ethnic_controls.labels(ethnic_labels, ethnic, group, dataset, seed)
    return Targets(emotion, names, changed, ethnic_names)


_TWO = ("negative", "other")
