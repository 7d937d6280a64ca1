"""Finds a frame in a folder of images by its number or its name."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping

from data_builders.sources import cells
from ethnicmer_jax.base.paths import is_file, shown

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
_LAST_NUMBER = re.compile("([0-9]+)[^0-9]*$")
_LONGEST = 255  # characters of a file's name
_LARGEST = 10**18


def frame_number(text: str) -> int:
    """The frame number in `46`, `00046` or `reg_img46.jpg` (the last digits); -1 without one.

    Spreadsheets make 46.0 of 46. Names may end in a time stamp, of at most 18 digits.
    """
    if (written := cells.whole(text)) is not None:
        return max(-1, written)
    if len(text) > _LONGEST:
        return -1
    name = pathlib.PurePath(text)
    stem = name.stem if name.suffix.lower() in IMAGE_SUFFIXES else text
    return _last_number(stem)


def _last_number(stem: str) -> int:
    match = _LAST_NUMBER.search(stem)
    return number if match and (number := int(match.group(1))) <= _LARGEST else -1


def frame_path(folder: pathlib.Path, frame: str) -> pathlib.Path:
    """The image of a frame given by number or by file name.

    Numbers match exactly: 6 is `img6.jpg` or `img0006.jpg`, not `img46.jpg`.

    Raises:
      ValueError: no image of the folder is this frame, or more than one is.
    """
    if not frame:
        raise ValueError("is blank")
    if cells.whole(frame) is None:
        if not is_file(folder / frame):
            raise ValueError(f"there is no file {shown(folder / frame)}")
        return folder / frame
    return FrameFolder.read(folder).path(frame_number(frame))


@dataclasses.dataclass(frozen=True)
class FrameFolder:
    """The images of a folder by frame number, read once for all clips that lie in it.

    Attributes:
      folder: the folder.
      names: frame number -> names of the images with this number; images without a number
        and hidden files (macOS leaves `._img46.jpg` beside a frame) are not listed.
    """

    folder: pathlib.Path
    names: Mapping[int, tuple[str, ...]]

    @classmethod
    def read(cls, folder: pathlib.Path) -> FrameFolder:
        """Lists a folder; folders below it are not looked into."""
        names: dict[int, tuple[str, ...]] = {}
        with os.scandir(folder) as entries:
            found = sorted(entry.name for entry in entries)
        for name in found:
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("."):
                number = _last_number(name[: name.rindex(".")])
                names[number] = (*names.get(number, ()), name)
        names.pop(-1, None)
        return cls(folder, names)

    def path(self, number: int) -> pathlib.Path:
        """The image of a frame.

        Raises:
          ValueError: no image of the folder is this frame, or more than one is.
        """
        found = self.names.get(number, ())
        if len(found) == 1:
            return self.folder / found[0]
        several = f"more than one image is frame {number}: {', '.join(found)}"
        raise ValueError(f"{several if found else f'no frame {number}'} in {self.folder}")

    def between(self, first: int, last: int) -> dict[int, pathlib.Path]:
        """The frames from `first` to `last` that there are, in order; some may be missing.

        Raises:
          ValueError: more than one image is the same frame.
        """
        return {n: self.path(n) for n in sorted(self.names) if first <= n <= last}
