"""Cuts long recordings into candidate intervals, as `predict` wants its clips."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ethnicmer_jax.base import labels
from ethnicmer_jax.predict.recordings import Cut, Held, Recorded, Recording
from ethnicmer_jax.predict.spotting.find import find
from ethnicmer_jax.predict.spotting.intervals import Spotted
from ethnicmer_jax.predict.spotting.options import SpotOptions


@dataclasses.dataclass
class Spotter:
    """A `recordings.Cutter`: every candidate of a recording is a clip.

    Attributes:
      fps: frames per second of the recordings; None for what a video's time stamps say.
      detector: one of `faces.DETECTORS`; "" for RetinaFace.
      options: what counts as a candidate.
      found: source of each recording that was looked at -> what was found in it.
    """

    fps: float | None = None
    detector: str = ""
    options: SpotOptions = dataclasses.field(default_factory=SpotOptions)
    found: dict[str, Spotted] = dataclasses.field(default_factory=dict)

    def __call__(self, recording: Recording) -> Sequence[Cut]:
        """The candidates, with onset, apex and offset.

        Raises:
          ValueError: see `find`.
        """
        if not isinstance(recording, Held | Recorded):
            raise ValueError("candidates are looked for in videos, folders and arrays of frames")
        source = recording.images if isinstance(recording, Held) else recording.path
        spotted = find(source, self.fps, self.options, self.detector or "retinaface")
        self.found[recording.source] = spotted
        return [
            Cut(
                str(one.onset),
                str(one.apex),
                str(one.offset),
                notes=(f"a candidate interval, score {labels.decimal(one.score, 1)}",),
            )
            for one in spotted.intervals
        ]
