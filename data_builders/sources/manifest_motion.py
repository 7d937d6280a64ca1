"""Where the pixels of a manifest's row are: its columns of motion.

One of these in each row, with paths relative to the manifest:
  flow: an 8-bit image (R u, G v, B strain) or a .npy file;
  frames: a folder, with onset and apex (offset too if known) as frame numbers or file names;
  onset_path, apex_path: two image files.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from data_builders.sources.base import FlowFile, FramePair, FrameReader
from data_builders.sources.frame_folder import frame_number, frame_path, is_file, is_folder

SOURCES = ("flow", "frames", "onset_path")
"""Columns that say where a motion comes from: one of them in each row."""

FRAMES = ("onset", "apex", "offset")
"""Columns of frame numbers or names of frames."""

COLUMNS = (*SOURCES, "apex_path", *FRAMES)

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_LARGEST = 2**31 - 1  # of the numbers that a database stores


def numbers(cells: Mapping[str, str]) -> dict[str, int]:
    """The frame numbers of a row by column of FRAMES, -1 where there is none to store."""
    found = {name: frame_number(cells.get(name, "")) for name in FRAMES}
    return {name: number if number <= _LARGEST else -1 for name, number in found.items()}


def read(
    cells: Mapping[str, str], folder: pathlib.Path, report: Callable[[str], None]
) -> FlowFile | FrameReader | None:
    """The motion of a row.

    Args:
      cells: text by column.
      folder: what paths are relative to.
      report: called with each fault of the row's cells, which it names.

    Returns:
      The motion; None, or one that cannot be used, where a fault was reported.
    """
    given = [name for name in SOURCES if cells.get(name)]
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        report(f"give one source of motion, flow, frames or onset_path; it has {found}")
        return None
    cell = _CellReader(cells, report)
    if given[0] == "flow":
        return FlowFile(cell("flow", lambda text: _file(folder, text)))
    if given[0] == "onset_path":
        names = ("onset_path", "apex_path")
        return FramePair(*(cell(name, lambda text: _file(folder, text)) for name in names))
    return _frame_folder(cells, path_of(folder, cells["frames"]), report)


class _CellReader:
    """Parses one cell after the other, and reports those that are faulty."""

    def __init__(self, cells: Mapping[str, str], report: Callable[[str], None]) -> None:
        self._cells, self._report = cells, report

    def __call__(self, column: str, parse: Callable[[str], Any]) -> Any:
        try:
            return parse(self._cells.get(column, ""))
        except ValueError as error:
            self._report(f"{column}: {error}")
            return None


def _frame_folder(
    cells: Mapping[str, str], folder: pathlib.Path, report: Callable[[str], None]
) -> FramePair | None:
    if not is_folder(folder):
        report(f"frames: there is no folder {folder}")
        return None
    known = [number for number in numbers(cells).values() if number >= 0]
    if known != sorted(known):
        report("onset, apex and offset are not in this order: " + ", ".join(map(str, known)))
    cell = _CellReader(cells, report)
    return FramePair(
        *(cell(name, lambda text: frame_path(folder, text)) for name in ("onset", "apex"))
    )


def _file(folder: pathlib.Path, relative: str) -> pathlib.Path:
    if not relative:
        raise ValueError("is blank")
    path = path_of(folder, relative)
    if not is_file(path):
        windows = _DRIVE.match(relative) and "; give paths relative to the manifest"
        raise ValueError(f"there is no file {path}{windows or ''}")
    return path


def path_of(folder: pathlib.Path, written: str) -> pathlib.Path:
    """The path that a cell means; a backslash of Windows parts folders like a slash."""
    path = folder / written
    if "\\" in written and not (is_file(path) or is_folder(path)):
        return folder / written.replace("\\", "/")
    return path
