"""Candidates of a recording: a video file, a folder of frames, or frames in memory."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np

from data_builders.pixels import faces, frames, video
from data_builders.sources.frame_folder import FrameFolder
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.predict.request import Input
from ethnicmer_jax.predict.spotting import intervals, windows
from ethnicmer_jax.predict.spotting.intervals import Spotted
from ethnicmer_jax.predict.spotting.options import SpotOptions

LEAST_FPS = 20.0
"""Below, a micro-expression is over within a few frames."""


def find(
    source: Input,
    fps: float | None = None,
    options: SpotOptions | None = None,
    detector: str = "retinaface",
) -> Spotted:
    """Looks for intervals in which a micro-expression may be.

    What is found are candidates: short movements of the skin, there and back. docs/spotting.md
    tells how many of them are micro-expressions in simulated recordings.

    Args:
      source: a video, a folder of numbered images, or an array of frames; frames of files are
        read one at a time.
      fps: frames per second; None for what a video's time stamps say.
      options: see `SpotOptions`.
      detector: one of `faces.DETECTORS`; "none" for frames that come cropped.

    Raises:
      FaceNotFound: a face was seen nowhere.
      ValueError: the frame rate is unknown or too low, the recording is too short, or frames
        are unreadable or differ in size.
    """
    if not isinstance(source, np.ndarray) and not pathlib.Path(source).exists():
        raise ValueError(f"there is no video or folder {source}")
    options = options or SpotOptions()
    fps = _rate(source, fps)
    step = options.step(fps)
    listed = _numbers(source)[::step]
    title = "array" if isinstance(source, np.ndarray) else pathlib.Path(source).name
    seen = Progress(
        f"spotting {title}", _read(source, listed, step), total=len(listed), unit="frame"
    )
    motion = windows.read(seen, fps / step, detector)
    if not motion.has_face.any():
        raise faces.FaceNotFound("no face was found in any second of the recording")
    spotted = intervals.spot(motion, fps, options)
    if np.isnan(spotted.curve).all():
        raise ValueError(
            f"nothing can be told of a recording in which no face is seen for "
            f"{2 * options.half:.2g} s without a break"
        )
    return spotted


def _rate(source: Input, fps: float | None) -> float:
    if fps is None and not isinstance(source, np.ndarray) and pathlib.Path(source).is_file():
        steps = np.diff(video.seconds(pathlib.Path(source)))
        usual = float(np.median(steps)) if len(steps) else 0.0
        fps = 1 / usual if usual > 0 else None
    if fps is None:
        raise ValueError("the frame rate is unknown: give frames per second")
    if not LEAST_FPS <= fps < np.inf:
        raise ValueError(
            f"{fps:g} frames per second: a micro-expression lasts at most half a second, "
            f"so at least {LEAST_FPS:g} are needed"
        )
    return fps


def _numbers(source: Input) -> list[int]:
    """The numbers of a recording's frames, in order."""
    if isinstance(source, np.ndarray):
        return list(range(len(source)))
    path = pathlib.Path(source)
    if path.is_dir():
        return sorted(FrameFolder.read(path).names)
    return list(range(len(video.seconds(path))))


def _read(source: Input, listed: list[int], step: int) -> Iterator[tuple[int, np.ndarray]]:
    if isinstance(source, np.ndarray):
        return ((number, source[number]) for number in listed)
    path = pathlib.Path(source)
    if path.is_dir():
        images = FrameFolder.read(path)
        return ((number, frames.read_image(images.path(number))) for number in listed)
    return zip(listed, video.frames(path, step=step), strict=False)
