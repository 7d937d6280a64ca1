"""Frames of a video file, exactly: by decoding from the start and counting.

Any container and codec that OpenCV's FFmpeg reads. Frame 0 is the first that is shown. Seeking
is not used: in inter-coded files (MPEG-1, H.264) it may land on another frame, and the frame
count of the header may be wrong. What else a video may be:

    more than 8 bits a channel     refused: OpenCV would cut it to 8 without a word
    a rotation flag (telephones)   applied, as players do
    a variable frame rate          kept: seconds mean the frame shown nearest to that time
    damaged, cut off               ends where decoding ends
    frames above `bounds.PIXELS`   refused by the header: nothing is decoded
    more than `bounds.FRAMES`      refused where they have been counted
"""

from __future__ import annotations

import codecs
import contextlib
import functools
import os
import pathlib
from collections.abc import Iterator

import cv2
import numpy as np

from ethnicmer_jax.base import bounds

_DEEP = (9, 10, 12, 14, 16)
_WIDE = (48, 64)
_HEAD = 4096


def frames(
    path: pathlib.Path, first: int = 0, last: int | None = None, step: int = 1
) -> Iterator[np.ndarray]:
    """The frames `first` to `last` in order, each uint8 [H, W, 3] RGB.

    Args:
      path: the file.
      first: number of the first frame, from 0.
      last: number of the last; None for the video's last.
      step: every how many frames one is wanted.

    Raises:
      ValueError: the file is no video, has more than 8 bits a channel, or ends before `last`.
    """
    with _opened(path) as capture:
        number = 0
        while last is None or number <= last:
            if not capture.grab():
                break
            if number >= first and (number - first) % step == 0:
                yield _frame(path, capture)
            number += 1
        if number <= (first if last is None else last):
            raise ValueError(_beyond(path, first if last is None else last, number))


def frame(path: pathlib.Path, number: int) -> np.ndarray:
    """One frame, uint8 [H, W, 3] RGB.

    Raises:
      ValueError: see `frames`.
    """
    return next(iter(frames(path, number, number)))


def seconds(path: pathlib.Path) -> tuple[float, ...]:
    """When each frame of a video is shown, in seconds since its first.

    The whole file is decoded, once a process. Where the file has no time stamps, the frame rate
    of its header tells.

    Raises:
      ValueError: the file is no video, or has more than 8 bits a channel.
    """
    status = path.stat() if path.is_file() else None
    return _seconds(path, status and (status.st_mtime_ns, status.st_size))


def announced(path: pathlib.Path) -> float:
    """How long a video is, in seconds, by its header; 0 where it does not say.

    Raises:
      ValueError: the file is no video, or has more than 8 bits a channel.
    """
    with _opened(path) as capture:
        count, rate = (capture.get(key) for key in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS))
        known = np.isfinite(count) and np.isfinite(rate) and count > 0 and rate > 0
        return float(count / rate) if known else 0.0


def number_at(path: pathlib.Path, second: float) -> int:
    """The number of the frame shown nearest to a time.

    Raises:
      ValueError: the video ends before, or see `seconds`.
    """
    shown = np.array(seconds(path))
    step = float(np.median(np.diff(shown))) if len(shown) > 1 else 0.0
    if second > shown[-1] + step:
        raise ValueError(f"{path} ends at {shown[-1]:.2f} s: there is no frame at {second:g} s")
    return int(np.abs(shown - second).argmin())


def check_number(path: pathlib.Path, number: int) -> None:
    """Refuses a frame that a video does not have.

    Raises:
      ValueError: see `frames`.
    """
    count = len(seconds(path))
    if number >= count:
        raise ValueError(_beyond(path, number, count))


@functools.lru_cache(maxsize=1024)
def _seconds(path: pathlib.Path, _version: tuple[int, int] | None) -> tuple[float, ...]:
    with _opened(path) as capture:
        rate = capture.get(cv2.CAP_PROP_FPS)
        step = 1 / rate if np.isfinite(rate) and rate > 0 else 0.0
        shown: list[float] = []
        while capture.grab():
            stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if shown and not stamp > shown[-1]:  # some files lack the stamp of some frames
                stamp = shown[-1] + step
            shown.append(stamp)
            if len(shown) > bounds.FRAMES:
                raise ValueError(f"{path} has more than {bounds.FRAMES:,} frames: cut it")
        if not shown:
            raise ValueError(f"{path} holds no frame that can be decoded")
    return tuple(stamp - shown[0] for stamp in shown)


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[cv2.VideoCapture]:
    """A video whose frames can be grabbed.

    Raises:
      ValueError: it is none, or one that would lose bits.
    """
    if not path.is_file():
        raise ValueError(f"there is no video {path}")
    # FFmpeg follows playlists to other files and addresses; a relative name may read as a protocol.
    playlist = _is_text(path)
    # Our message is the one line; FFmpeg's own are for its developers.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture()
    try:
        if playlist or not capture.open(str(path.absolute()), cv2.CAP_FFMPEG):
            raise ValueError(
                f"{path} is not a video that OpenCV reads: convert it, for instance with"
                f" ffmpeg -i {path.name} -c:v ffv1 {path.stem}.mkv"
            )
        size = (capture.get(key) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if fault := bounds.pixel_fault(*map(int, size)):
            raise ValueError(f"{path} {fault}")
        depth = is_deep(int(capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)))
        if depth:
            raise ValueError(f"{path} has more than 8 bits a channel: convert it to 8 bits")
        yield capture
    finally:
        capture.release()


def _is_text(path: pathlib.Path) -> bool:
    """Whether a file begins with some lines of text, as no film does: a playlist does."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not any(character < " " and character not in "\t\n\r\f" for character in text)


def is_deep(tag: int) -> bool:
    """Whether FFmpeg's tag of a pixel format means more than 8 bits a channel.

    `Y3` with bytes 11 and 10 is planar YUV 4:2:0 of 10 bits, `Y1` with 0 and 16 grey of 16
    (reversed where the bytes are swapped), `RGB` with 48 three channels of 16.
    """
    text = (tag & 0xFFFFFFFF).to_bytes(4, "little")
    if text in (b"P010", b"P012", b"P016", b"P210", b"P216", b"P410", b"P416"):
        return True
    if text[:3] in (b"RGB", b"BGR", b"RBA", b"BRA") and text[3] in _WIDE:
        return True
    return any(
        one[0] in b"YG" and chr(one[1]).isdecimal() and one[3] in _DEEP
        for one in (text, text[::-1])
    )


def _frame(path: pathlib.Path, capture: cv2.VideoCapture) -> np.ndarray:
    whole, image = capture.retrieve()
    if not whole:
        raise ValueError(f"{path} holds a frame that cannot be decoded: copy it again")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _beyond(path: pathlib.Path, number: int, count: int) -> str:
    if count == 0:
        return f"{path} holds no frame that can be decoded"
    return f"{path} has {count} frames, 0 to {count - 1}: there is no frame {number}"
