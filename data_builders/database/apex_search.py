"""Onset and apex frame of a clip: as coded, or found where nobody coded the apex."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from data_builders.pixels import apex
from data_builders.pixels.apex import FoundApex
from data_builders.sources.base import Film, FrameReader
from ethnicmer_jax.base.schema import ClipLabels

SOURCE, CONFIDENCE = "apex_source", "apex_confidence"
"""Columns that clips with a found apex have beside the coded ones; the source is `found`."""

DOUBTFUL = 0.5
"""An apex found with less confidence is reported."""

_FOUND = {name: f"{name}_found" for name in ("onset", "apex", "offset")}


@dataclasses.dataclass(frozen=True)
class Pair:
    """The two frames that the flow is computed between.

    Attributes:
      onset, apex: uint8 [H, W, 3] RGB, of one size.
      notes: where the apex was found, for `labelled`; empty where it was coded.
      doubts: what a human might want to look at, one line each.
      found: the apex with the curve that it was found on; None where it was coded.
    """

    onset: np.ndarray
    apex: np.ndarray
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    found: FoundApex | None = None


def read(motion: FrameReader | Film, detector: str) -> Pair:
    """The frames of a clip.

    Args:
      motion: where they are.
      detector: one of `faces.DETECTORS`.

    Raises:
      ValueError: a frame is unreadable, frames differ in size, or the onset shows no face.
    """
    if not isinstance(motion, Film):
        return Pair(*motion.read())
    found = apex.find(motion.frames(), detector)
    notes = {
        SOURCE: "found",
        CONFIDENCE: f"{found.confidence:.2f}",
        **{_FOUND[name]: str(number) for name, number in _numbers(found).items()},
    }
    doubts: tuple[str, ...] = ()
    if found.confidence < DOUBTFUL:
        doubts = (f"apex {found.number} was found with confidence {found.confidence:.2f} only",)
    return Pair(motion.frame(found.numbers[0]), motion.frame(found.number), notes, doubts, found)


def labelled(labels: ClipLabels, notes: Mapping[str, str]) -> ClipLabels:
    """The labels with what has been found out about the clip: its apex, and a first and last
    frame that nobody coded.

    Args:
      labels: as the source gives them.
      notes: text by column, for `extra`; those of `Pair` give the apex too.
    """
    columns = dict(notes)
    found = {name: int(columns.pop(key)) for name, key in _FOUND.items() if key in columns}
    return dataclasses.replace(
        labels,
        onset=labels.onset if labels.onset >= 0 else found.get("onset", -1),
        apex=found.get("apex", labels.apex),
        offset=labels.offset if labels.offset >= 0 else found.get("offset", -1),
        extra={**labels.extra, **columns},
    )


def _numbers(found: FoundApex) -> dict[str, int]:
    return {"onset": found.numbers[0], "apex": found.number, "offset": found.numbers[-1]}
