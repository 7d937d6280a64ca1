"""Motions that come as a video file; frames are numbered from 0."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator

import numpy as np

from data_builders.pixels import video
from data_builders.sources.base import Film


@dataclasses.dataclass(frozen=True)
class VideoPair:
    """Onset and apex as frames of a video; a `FrameReader`."""

    path: pathlib.Path
    onset: int
    apex: int

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """See `FrameReader.read`."""
        onset, *_, apex = video.frames(self.path, self.onset, self.apex)
        return onset, apex


@dataclasses.dataclass(frozen=True)
class VideoFilm(Film):
    """A part of a video whose apex nobody coded.

    Attributes:
      path: the file.
      first: the onset.
      last: the offset; None for the video's last frame.
    """

    path: pathlib.Path
    first: int = 0
    last: int | None = None

    def frames(self) -> Iterator[tuple[int, np.ndarray]]:
        """See `Film.frames`."""
        return enumerate(video.frames(self.path, self.first, self.last), start=self.first)

    def frame(self, number: int) -> np.ndarray:
        """See `Film.frame`."""
        return video.frame(self.path, number)
