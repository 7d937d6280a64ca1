"""A clip -> face crops and flow, exactly as a database of the same options would hold them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from data_builders.database import pipeline
from data_builders.database.pipeline import FACE_NOTES, BuildOptions
from data_builders.pixels.apex import FoundApex
from data_builders.sources.base import FlowFile
from ethnicmer_jax.base.schema import ClipRecord
from ethnicmer_jax.predict.inputs import Failure, Listed

STILL = 0.1
"""Flow that is nowhere longer than this, in percent of the crop's width, is no motion: 0.2 px of
224, what noise and compression make of a film of a photograph."""


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
        return Seen(clip.source, clip.record, None, clip.notes)
    motion, found = clip.task.motion, None
    if isinstance(motion, FlowFile):
        pixels = pipeline.compute(motion, options)
    else:
        crops = pipeline.cut_out(motion, options)
        (pixels,), found = pipeline.with_flow([crops], options), crops.found
    record = pipeline.record_of(clip.task, pixels)
    _check_moves(record, 0.0 if isinstance(motion, FlowFile) else STILL)
    reported = [note for note in pixels.notes.get(FACE_NOTES, "").split("; ") if note]
    return Seen(clip.source, record, found, (*clip.notes, *reported))


def _check_moves(record: ClipRecord, least: float) -> None:
    """Refuses a clip in which nothing moves.

    Raises:
      ValueError: nothing does; the networks would scale noise to the range of a motion.
    """
    u, v = np.moveaxis(record.flow[..., :2] - np.median(record.flow[..., :2], axis=(0, 1)), -1, 0)
    if float(np.hypot(u, v).max()) <= least:
        raise ValueError("there is no motion between onset and apex")
