"""A film of which no more is known than its frames, and the parts of it that are clips."""

from __future__ import annotations

import abc
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from data_builders.pixels import video
from data_builders.pixels.detection import check_frame
from data_builders.sources import manifest_motion
from data_builders.sources.base import Film, Motion
from data_builders.sources.frame_folder import FrameFolder

WHOLE = 0.9
"""A video of which a smaller share of the announced time can be decoded has been cut off."""


@dataclasses.dataclass(frozen=True)
class Cut:
    """The part of a recording that is a clip, as a manifest's cells give it (`manifest_film`).

    Attributes:
      onset, apex, offset: a frame's number, its file name or, of a video, its time (`0.35s`);
        "" for one that nobody coded: the first frame, the apex that is found, the last frame.
      notes: what should be known of this clip, one line each.
    """

    onset: str = ""
    apex: str = ""
    offset: str = ""
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Frames:
    """Where the pixels of a clip are, and its frame numbers.

    Attributes:
      motion: for `data_builders.database.pipeline`.
      numbers: onset, apex and offset; -1 where nothing is coded.
    """

    motion: Motion
    numbers: tuple[int, int, int]


class Recording(abc.ABC):
    """A film of one person.

    Attributes:
      source: the input, as it was named.
      name: what its clips are called.
    """

    source: str
    name: str

    @abc.abstractmethod
    def frames(self, cut: Cut) -> Frames:
        """The frames of a part.

        Raises:
          ValueError: there is no such part, no motion can be in it, or a file is damaged.
        """

    @abc.abstractmethod
    def fps(self) -> float:
        """Frames per second; NaN where nobody knows."""


Cutter = Callable[[Recording], Sequence[Cut]]
"""Finds the parts of a recording that are clips. Raises ValueError where it cannot."""


@dataclasses.dataclass(frozen=True)
class Recorded(Recording):
    """A video file or a folder of frames.

    Attributes:
      source, name: see `Recording`.
      path: the file or folder.
    """

    source: str
    name: str
    path: pathlib.Path

    def frames(self, cut: Cut) -> Frames:
        """See `Recording.frames`."""
        onset = cut.onset
        if cut.apex and not onset:
            onset = str(self._first())
        cells = {"frames": str(self.path.absolute()), "onset": onset}
        cells |= {"apex": cut.apex, "offset": cut.offset}
        faults: list[str] = []
        if self.path.is_file() and not (cut.apex or cut.offset):
            check_whole(self.path)
        motion = manifest_motion.read(cells, pathlib.Path(), faults.append)
        if faults or motion is None:
            raise ValueError("; ".join(fault.removeprefix("frames: ") for fault in faults))
        numbers = manifest_motion.numbers(cells, pathlib.Path())
        return Frames(motion, (numbers["onset"], numbers["apex"], numbers["offset"]))

    def fps(self) -> float:
        """See `Recording.fps`: of a video, from its time stamps."""
        if not self.path.is_file():
            return float("nan")
        steps = np.diff(video.seconds(self.path))
        return float(1 / np.median(steps)) if len(steps) and np.median(steps) > 0 else float("nan")

    def _first(self) -> int:
        if self.path.is_file():
            return 0
        return min(FrameFolder.read(self.path).names, default=0)


@dataclasses.dataclass(frozen=True, eq=False)
class Held(Recording):
    """Frames in memory.

    Attributes:
      source, name: see `Recording`.
      images: uint8 [frames, H, W, 3] RGB, numbered from 0.

    Raises:
      ValueError: it is no such array.
    """

    source: str
    name: str
    images: np.ndarray

    def __post_init__(self) -> None:
        if np.ndim(self.images) != 4 or not len(self.images):
            raise ValueError(f"frames must be [frames, H, W, 3], got shape {np.shape(self.images)}")
        check_frame(self.images[0])

    def frames(self, cut: Cut) -> Frames:
        """See `Recording.frames`."""
        last = len(self.images) - 1
        onset = _index(cut.onset, last, 0)
        offset = _index(cut.offset, last, last)
        apex = _index(cut.apex, last, -1)
        known = [onset, *([apex] if apex >= 0 else []), offset]
        if known != sorted(known):
            raise ValueError(
                f"onset, apex and offset are not in this order: {', '.join(map(str, known))}"
            )
        if apex >= 0:
            return Frames(_HeldPair(self.images, onset, apex), (onset, apex, offset))
        if onset == offset:
            raise ValueError("there is one frame only: there is no motion")
        coded = (onset if cut.onset else -1, -1, offset if cut.offset else -1)
        return Frames(_HeldFilm(self.images, onset, offset), coded)

    def fps(self) -> float:
        """See `Recording.fps`."""
        return float("nan")


@dataclasses.dataclass(frozen=True, eq=False)
class _HeldPair:
    images: np.ndarray
    onset: int
    apex: int

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """See `FrameReader.read`."""
        return self.images[self.onset], self.images[self.apex]


@dataclasses.dataclass(frozen=True, eq=False)
class _HeldFilm(Film):
    images: np.ndarray
    first: int
    last: int

    def frames(self) -> Iterator[tuple[int, np.ndarray]]:
        """See `Film.frames`."""
        return ((number, self.images[number]) for number in range(self.first, self.last + 1))

    def frame(self, number: int) -> np.ndarray:
        """See `Film.frame`."""
        return self.images[number]


def whole(recording: Recording) -> Sequence[Cut]:
    """All of a recording is one clip."""
    return (Cut(),)


def check_whole(path: pathlib.Path) -> None:
    """Refuses a video that ends long before the time that its header announces.

    The apex may lie in the part that is lost.

    Raises:
      ValueError: it does, or it is no video.
    """
    shown, announced = video.seconds(path), video.announced(path)
    # The last frame is shown for as long as the others.
    ends = shown[-1] * len(shown) / max(len(shown) - 1, 1)
    if len(shown) > 1 and ends < WHOLE * announced:
        raise ValueError(
            f"{path} is cut off: {shown[-1]:.2f} s of {announced:.2f} s can be decoded; copy it "
            "again, or name the frames of onset and apex"
        )


def _index(text: str, last: int, otherwise: int) -> int:
    if not text:
        return otherwise
    if not text.strip().isdecimal() or int(text) > last:
        raise ValueError(f"there is no frame {text}: there are {last + 1}, 0 to {last}")
    return int(text)
