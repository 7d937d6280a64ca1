"""The skin's motion in a long recording, in overlapping windows of two seconds.

A window is cropped by the face at its start, so that a person may move about during a recording
and yet no crop jitters within a window. Frames are read once, one at a time: only the crops of two
windows are held, and of a window that is done its motion in 8 × 8 patches, half precision:
about 1.5 MB for a minute at 50 frames a second.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from data_builders.pixels import apex, faces, skin_motion
from ethnicmer_jax.base.crop import CropGeometry

HOP = 1.0
"""Seconds from the start of a window to that of the next; a window lasts two."""

PATCHES = 8
"""Patches along a side of the crop; each is three cells of `skin_motion` wide."""

MAX_SHIFT = 0.5
"""How far, in eye distances, a face may have gone after HOP seconds; beyond is a gap."""


@dataclasses.dataclass(frozen=True)
class Window:
    """The motion within one window.

    Attributes:
      start: position of its first frame among those that were read.
      moved: float16 [frames, PATCHES², 2], displacement of the skin since the first frame in
        pixels of a crop of `apex.SIZE`, without the head's; 0 where a patch does not count.
    """

    start: int
    moved: np.ndarray


@dataclasses.dataclass(frozen=True)
class Motion:
    """The motion of a recording.

    Attributes:
      numbers: int [n], numbers of the frames that were read.
      rate: frames that were read a second.
      hop: frames from one window's start to the next's.
      windows: in order of time; where there is none the recording has a gap: no face, another
        face, or one that moved too far.
      has_face: bool [n], by the nearest frame before in which a face was looked for.
    """

    numbers: np.ndarray
    rate: float
    hop: int
    windows: tuple[Window, ...]
    has_face: np.ndarray


@dataclasses.dataclass
class _Open:
    """A window whose frames are still coming."""

    start: int
    transform: np.ndarray
    crops: list[np.ndarray] = dataclasses.field(default_factory=list)


def read(
    frames: Iterable[tuple[int, np.ndarray]], rate: float, detector: str = "retinaface"
) -> Motion:
    """Measures the motion in a recording.

    Args:
      frames: number and uint8 [H, W, 3] RGB frame, in order; read once.
      rate: how many of them there are to a second.
      detector: one of `faces.DETECTORS`; "none" for frames that come cropped.

    Raises:
      ValueError: a frame is unreadable, or sizes differ.
    """
    options = faces.FaceOptions(detector, apex.SIZE, margin=0.0)
    geometry = options.geometry or CropGeometry.of_margin(0.0)
    hop = max(4, round(HOP * rate))
    numbers: list[int] = []
    looks: list[np.ndarray | None] = []
    windows: list[Window] = []
    opened: list[_Open] = []
    for index, (number, frame) in enumerate(_of_one_size(frames)):
        numbers.append(number)
        if index % hop == 0:
            looks.append(_face(frame, options))
            opened = list(_advanced(opened, looks, windows, index, hop, geometry))
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        for window in opened:
            window.crops.append(faces.warp(grey, window.transform, apex.SIZE))
    windows += [_closed(window, geometry) for window in opened if len(window.crops) > 1]
    found = np.repeat([look is not None for look in looks], hop)[: len(numbers)]
    return Motion(np.array(numbers, int), rate, hop, tuple(windows), found)


def _advanced(
    opened: list[_Open],
    looks: list[np.ndarray | None],
    windows: list[Window],
    index: int,
    hop: int,
    geometry: CropGeometry,
) -> Iterator[_Open]:
    """Closes the window that is full, drops one whose face is gone, opens the next."""
    face = looks[-1]
    for window in opened:
        if index - window.start == 2 * hop:
            windows.append(_closed(window, geometry))
        elif face is not None and _shift(window.transform, face, geometry) <= MAX_SHIFT:
            yield window
    if face is not None:
        yield _Open(index, face)


def _face(frame: np.ndarray, options: faces.FaceOptions) -> np.ndarray | None:
    """Frame -> crop [2, 3]; None where there is no face."""
    try:
        return faces.crop_pair(frame, frame, options).transform
    except faces.FaceNotFound:
        return None


def _shift(before: np.ndarray, after: np.ndarray, geometry: CropGeometry) -> float:
    """How far the later crop's middle lies from the earlier's, in eye distances."""
    middle = np.full(2, apex.SIZE / 2)
    place = np.linalg.solve(after[:, :2], middle - after[:, 2])
    moved = before[:, :2] @ place + before[:, 2] - middle
    return float(np.linalg.norm(moved)) / (geometry.distance * apex.SIZE)


def _closed(window: _Open, geometry: CropGeometry) -> Window:
    moved = skin_motion.of_crops(np.stack(window.crops), geometry)
    return Window(window.start, _patches(moved).astype(np.float16))


def _patches(moved: np.ndarray) -> np.ndarray:
    """Means over three by three cells, every other: [frames, cells, 2] to [frames, patches, 2]."""
    side = round(moved.shape[1] ** 0.5)
    grids = moved.reshape(len(moved), side, side, 2)
    step = side // PATCHES
    smooth = np.stack([cv2.blur(grid, (step + 1, step + 1)) for grid in grids])
    return smooth[:, ::step, ::step].reshape(len(moved), -1, 2)


def _of_one_size(
    frames: Iterable[tuple[int, np.ndarray]],
) -> Iterator[tuple[int, np.ndarray]]:
    shape: tuple[int, ...] = ()
    for number, frame in frames:
        shape = shape or frame.shape
        if frame.shape != shape:
            raise ValueError(
                f"frame {number} is {frame.shape[1]}×{frame.shape[0]} and the first "
                f"{shape[1]}×{shape[0]} pixels: the frames of a recording must be of one size"
            )
        yield number, frame
