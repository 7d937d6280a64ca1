"""A clip -> face crops and flow, exactly as a database of the same options would hold them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from data_builders.database import pipeline
from data_builders.database.pipeline import FACE_NOTES, BuildOptions, Crops
from data_builders.pixels.apex import FoundApex
from data_builders.sources.base import GivenFlow
from ethnicmer_jax.base.schema import ClipRecord
from ethnicmer_jax.predict.inputs import Failure, Listed

CELLS = 28
"""Cells along a side of a crop, over which grey levels are averaged to tell motion from noise."""

STILL, WEAK = 2.5, 4.0
"""Largest change of a cell from onset to apex, in grey levels of 255, that is no motion, and that
is hardly one. Films of a photograph change by 1 to 3 under noise and compression, the weakest of
60 drawn clips by 9."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """A clip whose pixels are there.

    Attributes:
      source: the input, as it was named.
      record: the clip, as a database would hold it.
      found: the apex with the curve that it was found on; None where it was coded, or the clip
        comes as flow or from a database.
      notes: what should be known of the clip, one line each.
    """

    source: str
    record: ClipRecord
    found: FoundApex | None
    notes: tuple[str, ...]


def see(clips: Iterable[Listed], options: BuildOptions) -> Iterator[Seen | Failure]:
    """Computes the clips, one at a time.

    Args:
      clips: as they are listed.
      options: those of the database that the networks were trained on.

    Raises:
      UserError: the face detector is not installed as it should be.
    """
    for clip in clips:
        try:
            yield _seen(clip, options)
        except ValueError as error:
            yield Failure(clip.source, clip.labels.clip, " ".join(str(error).split()))


def _seen(clip: Listed, options: BuildOptions) -> Seen:
    if clip.task is None:
        assert clip.record is not None, "a listed clip has the one or the other"
        size = clip.record.flow.shape[0]
        if size != options.flow_size:
            raise ValueError(
                f"its flow is {size} px wide, the networks were trained on {options.flow_size} px"
            )
        if _still(clip.record.flow):
            raise ValueError(_STILL)
        return Seen(clip.source, clip.record, None, clip.notes)
    motion, found, notes = clip.task.motion, None, clip.notes
    if isinstance(motion, GivenFlow):
        pixels = pipeline.compute(motion, options)
        if _still(pixels.flow):
            raise ValueError(_STILL)
    else:
        crops = pipeline.cut_out(motion, options)
        notes += _motion(crops)
        (pixels,), found = pipeline.with_flow([crops], options), crops.found
    reported = [note for note in pixels.notes.get(FACE_NOTES, "").split("; ") if note]
    return Seen(clip.source, pipeline.record_of(clip.task, pixels), found, (*notes, *reported))


def _still(flow: np.ndarray) -> bool:
    """Whether all points of [H, W, 3] flow move alike."""
    return not np.ptp(flow[..., :2], axis=(0, 1)).any()


def change(crops: Crops) -> float:
    """How far grey levels change from onset to apex in the cell where they change most."""
    shape = (CELLS, CELLS)
    onset, apex = (
        cv2.resize(crop.astype(np.float32), shape, interpolation=cv2.INTER_AREA)
        for crop in (crops.onset, crops.apex)
    )
    return float(np.abs(apex - onset).max())


def _motion(crops: Crops) -> tuple[str, ...]:
    """A note where there is hardly any motion.

    Raises:
      ValueError: there is none; networks would be shown noise, scaled to the range of a motion.
    """
    changed = change(crops)
    if changed <= STILL and crops.found is not None:
        raise ValueError(
            f"{_STILL}: frame {crops.found.number}, which was found for an apex, shows no more "
            "than noise; name --onset and --apex if there is one"
        )
    if changed <= STILL:
        raise ValueError(_STILL)
    if changed <= WEAK:
        return ("hardly more than noise changes between onset and apex",)
    return ()


_STILL = "there is no motion between onset and apex"
