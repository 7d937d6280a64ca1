"""The column `frames` of a manifest: a folder of images or a video file, apex coded or not.

Frames of a folder are given by number or by file name, frames of a video by number (from 0) or
by time (`0.35s`). A blank apex is found by the builder; a blank onset is then the first frame,
and a blank offset the last.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from data_builders.pixels import video
from data_builders.sources import cells
from data_builders.sources.base import Film, FramePair, FrameReader, FrameSequence
from data_builders.sources.frame_folder import FrameFolder, frame_number, frame_path
from data_builders.sources.video import VideoFilm, VideoPair

COLUMNS = ("onset", "apex", "offset")

_SECONDS = re.compile(r"(\d{1,6}(?:[.,]\d{1,9})?)\s*s(?:ec|econds?)?", re.IGNORECASE)
_UNCODED = ("/", "-1")


class CellReader:
    """Parses one cell of a row after the other, and reports those that are faulty."""

    def __init__(self, row: Mapping[str, str], report: Callable[[str], None]) -> None:
        """Takes the text by column, and what is called with each fault."""
        self._row, self._report = row, report

    def __call__(self, column: str, parse: Callable[[str], Any]) -> Any:
        """What the cell holds; None where it is faulty."""
        try:
            return parse(self._row.get(column, ""))
        except ValueError as error:
            self._report(f"{column}: {error}")
            return None


def in_folder(
    row: Mapping[str, str], folder: pathlib.Path, report: Callable[[str], None]
) -> FrameReader | Film | None:
    """The motion of a row whose `frames` is a folder; None where a fault was reported.

    Args:
      row: text by column.
      folder: the folder.
      report: called with each fault.
    """
    numbers = {name: frame_number(row.get(name, "")) for name in COLUMNS}
    _check_order(numbers, report)
    if not uncoded(row):
        cell = CellReader(row, report)
        return FramePair(
            *(cell(name, lambda text: frame_path(folder, text)) for name in ("onset", "apex"))
        )
    ends = [name for name in ("onset", "offset") if not _is_blank(row.get(name, ""))]
    cell = CellReader(row, report)
    if None in [cell(name, lambda text: frame_path(folder, text)) for name in ends]:
        return None
    try:
        images = FrameFolder.read(folder)
        last = numbers["offset"] if "offset" in ends else max(images.names, default=-1)
        found = images.between(max(0, numbers["onset"]), last)
        return FrameSequence(tuple(found), tuple(found.values()))
    except ValueError as error:
        report(f"frames: {error}")
        return None


def in_video(
    row: Mapping[str, str], path: pathlib.Path, report: Callable[[str], None]
) -> FrameReader | Film | None:
    """The motion of a row whose `frames` is a video file; None where a fault was reported.

    Args:
      row: text by column.
      path: the file.
      report: called with each fault.
    """
    try:
        video.seconds(path)
    except ValueError as error:
        report(f"frames: {error}")
        return None
    cell = CellReader(row, report)
    numbers = {name: cell(name, lambda text: _number(path, text)) for name in COLUMNS}
    if None in numbers.values() or not _check_order(numbers, report):
        return None
    if not uncoded(row):
        if numbers["onset"] < 0:
            report("onset: is blank")
            return None
        return VideoPair(path, numbers["onset"], numbers["apex"])
    first = max(0, numbers["onset"])
    last = numbers["offset"] if numbers["offset"] >= 0 else len(video.seconds(path)) - 1
    if first >= last:
        report(f"frames: {path} has one frame only: there is no motion")
        return None
    return VideoFilm(path, first, last)


def numbers_in_video(row: Mapping[str, str], path: pathlib.Path) -> dict[str, int]:
    """The frame numbers of a row by column, -1 where there is none or it is faulty."""
    cell = CellReader(row, lambda _: None)
    numbers = {name: cell(name, lambda text: _number(path, text)) for name in COLUMNS}
    return {name: -1 if number is None else number for name, number in numbers.items()}


def uncoded(row: Mapping[str, str]) -> bool:
    """Whether nobody coded the apex: a blank cell, a missing value, `/` or -1."""
    return _is_blank(row.get("apex", ""))


def _is_blank(text: str) -> bool:
    text = text.strip()
    return cells.is_missing(text) or text.removesuffix(".0") in _UNCODED


def _number(path: pathlib.Path, text: str) -> int:
    """A frame number from `46` or `0.35s`; -1 for a missing value.

    Raises:
      ValueError: it reads otherwise, or the video has no such frame.
    """
    if _is_blank(text):
        return -1
    text = text.strip()
    if match := _SECONDS.fullmatch(text):
        return video.number_at(path, float(match[1].replace(",", ".")))
    number = cells.whole(text)
    if number is None or number < 0:
        raise ValueError(
            f"{cells.quoted(text)} is no frame number such as 46 and no time such as 0.35s"
        )
    video.check_number(path, number)
    return number


def _check_order(numbers: Mapping[str, int], report: Callable[[str], None]) -> bool:
    known = [number for number in numbers.values() if number >= 0]
    if known == sorted(known):
        return True
    report("onset, apex and offset are not in this order: " + ", ".join(map(str, known)))
    return False
