"""What a source of clips hands to the builder.

A source lists its clips cheaply (`Listing`: labels, and where the pixels are), so
that everything wrong with a database is known before anything is computed. The
pipeline then turns each `ClipTask` into a `ClipRecord`, in parallel processes:
tasks are small and picklable.
"""

from __future__ import annotations

import abc
import dataclasses
import itertools
import pathlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from ethnicmer_jax.base.run_id import check_name
from ethnicmer_jax.base.schema import ClipLabels


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something wrong with a clip (or a subject, or a whole file), in one line.

    Attributes:
      where: the clip's key, a manifest line or a file: what the user has to look at.
      what: what is wrong and how to mend it.
      fatal: True where the clip cannot be used; False for a documented fallback.
      refused: True where nothing may be built in spite of it.
    """

    where: str
    what: str
    fatal: bool = True
    refused: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class FrameReader(Protocol):
    """Gives the two frames that the flow is computed between."""

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Onset and apex frame, uint8 [H, W, 3] RGB, of one size.

        Raises:
          ValueError: a frame is unreadable or the two differ in size.
        """


class GivenFlow(abc.ABC):
    """A motion that comes as flow already, without frames."""

    @abc.abstractmethod
    def flow(self, size: int, stabilise: str) -> tuple[np.ndarray, str]:
        """The flow as a database stores it.

        Args:
          size: height and width.
          stabilise: what of the head's movement is taken out where that can still be done.

        Returns:
          float32 [size, size, 3] and its unit, one of `schema.FLOW_UNITS`.

        Raises:
          ValueError: a file is unreadable or holds no flow.
        """


@dataclasses.dataclass(frozen=True)
class FlowFile(GivenFlow):
    """A motion in a file: an 8-bit image (R u, G v, B strain) or .npy; not stabilised."""

    path: pathlib.Path

    def flow(self, size: int, stabilise: str) -> tuple[np.ndarray, str]:
        """See `GivenFlow.flow`."""
        from data_builders.pixels import flow_file

        return flow_file.read(self.path, size)


@dataclasses.dataclass(frozen=True)
class FramePair:
    """A motion that comes as two image files; a `FrameReader`."""

    onset: pathlib.Path
    apex: pathlib.Path

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """See `FrameReader.read`."""
        from data_builders.pixels import frames

        return frames.read_pair(self.onset, self.apex)


class Film(abc.ABC):
    """A motion whose apex nobody coded: all frames of the clip, onset first.

    The builder looks for the apex (`pixels/apex.py`); its number and confidence are stored
    with the pixels.
    """

    @abc.abstractmethod
    def frames(self) -> Iterator[tuple[int, np.ndarray]]:
        """Frame number and uint8 [H, W, 3] RGB frame, in order; at least two.

        Raises:
          ValueError: a frame is unreadable.
        """

    @abc.abstractmethod
    def frame(self, number: int) -> np.ndarray:
        """One of these frames.

        Raises:
          ValueError: the frame is unreadable, or there is none of this number.
        """


@dataclasses.dataclass(frozen=True)
class FrameSequence(Film):
    """A motion that comes as image files without a coded apex.

    Attributes:
      numbers: frame numbers, rising; some in between may be missing.
      paths: the image file of each.

    Raises:
      ValueError: there are fewer than two frames, or not one file for each number in order.
    """

    numbers: tuple[int, ...]
    paths: tuple[pathlib.Path, ...]

    def __post_init__(self) -> None:
        if len(self.numbers) < 2:
            raise ValueError(
                f"an apex can be found among two frames or more, not in {len(self.numbers)}"
            )
        if len(self.numbers) != len(self.paths):
            raise ValueError(f"{len(self.numbers)} frame numbers for {len(self.paths)} files")
        if any(later <= earlier for earlier, later in itertools.pairwise(self.numbers)):
            raise ValueError("frame numbers do not rise")

    def frames(self) -> Iterator[tuple[int, np.ndarray]]:
        """See `Film.frames`."""
        return ((number, self.frame(number)) for number in self.numbers)

    def frame(self, number: int) -> np.ndarray:
        """See `Film.frame`."""
        from data_builders.pixels import frames

        if number not in self.numbers:
            raise ValueError(f"there is no frame {number} among {len(self.numbers)} files")
        return frames.read_image(self.paths[self.numbers.index(number)])


Motion = GivenFlow | FrameReader | Film


@dataclasses.dataclass(frozen=True)
class ClipTask:
    """One clip before its pixels are read.

    Attributes:
      labels: which clip it is, and what is known of it.
      motion: where its pixels are.
    """

    labels: ClipLabels
    motion: Motion

    @property
    def key(self) -> str:
        """`database/subject/clip`."""
        return self.labels.key


@dataclasses.dataclass(frozen=True)
class Listing:
    """A source's clips and everything that is wrong with them.

    Attributes:
      tasks: the clips that can be built.
      problems: what is wrong; `--strict` fails on any.
      notes: what the user should know and need not mend, one line each (such as how
        many clips have no class); never a failure.
      tables: tables of ethnicities that were joined with the clips.

    Raises:
      UserError: the name of a database or subject cannot be that of a fold.
    """

    tasks: tuple[ClipTask, ...]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    tables: tuple[pathlib.Path, ...] = ()

    def __post_init__(self) -> None:
        for kind in ("database", "subject"):
            for name in {getattr(task.labels, kind): None for task in self.tasks}:
                check_name(kind, name)
