"""Finds a frame in a folder of images by its number or its name."""

from __future__ import annotations

import pathlib
import re

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
_NUMBER = re.compile(r"(-?\d+)(?:\.0*)?")  # spreadsheets make 46.0 of 46
_LAST_NUMBER = re.compile(r"(\d+)\D*$")


def frame_number(text: str) -> int:
    """The frame number in `46`, `00046` or `reg_img46.jpg` (the last digits); -1 without one."""
    if number := _NUMBER.fullmatch(text):
        return max(-1, int(number.group(1)))
    name = pathlib.PurePath(text)
    stem = name.stem if name.suffix.lower() in IMAGE_SUFFIXES else text
    match = _LAST_NUMBER.search(stem)
    return int(match.group(1)) if match else -1


def frame_path(folder: pathlib.Path, frame: str) -> pathlib.Path:
    """The image of a frame given by number or by file name.

    Numbers match exactly: 6 is `img6.jpg` or `img0006.jpg`, not `img46.jpg`.

    Raises:
      ValueError: no image of the folder is this frame, or more than one is.
    """
    if not frame:
        raise ValueError("is blank")
    if not _NUMBER.fullmatch(frame):
        if not (folder / frame).is_file():
            raise ValueError(f"there is no file {folder / frame}")
        return folder / frame
    number = frame_number(frame)
    found = [path for path in _images(folder) if frame_number(path.name) == number >= 0]
    if len(found) != 1:
        names = ", ".join(path.name for path in found)
        what = f"more than one image is frame {number}: {names}" if found else f"no frame {number}"
        raise ValueError(f"{what} in {folder}")
    return found[0]


def _images(folder: pathlib.Path) -> list[pathlib.Path]:
    """The images of a folder, without hidden files (macOS leaves `._img46.jpg` beside a frame)."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )
