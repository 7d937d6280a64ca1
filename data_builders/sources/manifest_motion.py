"""Where the pixels of a manifest's row are: its columns of motion.

One of these in each row, with paths relative to the manifest:
  flow: an 8-bit image (R u, G v, B strain) or a .npy file;
  frames: a folder or a video, with onset, apex and offset (`manifest_film`);
  onset_path, apex_path: two image files.
"""

from __future__ import annotations

import itertools
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence

from data_builders.sources import manifest_film
from data_builders.sources.base import FlowFile, FramePair, FrameSequence, Motion
from data_builders.sources.frame_folder import frame_number
from data_builders.sources.manifest_film import CellReader
from data_builders.sources.video import VideoFilm, VideoPair
from ethnicmer_jax.base.paths import is_file, is_folder, outside, shown

SOURCES = ("flow", "frames", "onset_path")
"""Columns that say where a motion comes from: one of them in each row."""

FRAMES = manifest_film.COLUMNS
"""Columns of frame numbers, names of frames or times in a video."""

COLUMNS = (*SOURCES, "apex_path", *FRAMES)

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_LARGEST = 2**31 - 1  # of the numbers that a database stores


def numbers(cells: Mapping[str, str], folder: pathlib.Path) -> dict[str, int]:
    """The frame numbers of a row by column of FRAMES, -1 where there is none to store."""
    path = path_of(folder, cells.get("frames", ""))
    if is_file(path):
        return manifest_film.numbers_in_video(cells, path)
    found = {name: frame_number(cells.get(name, "")) for name in FRAMES}
    return {name: number if number <= _LARGEST else -1 for name, number in found.items()}


def read(
    cells: Mapping[str, str],
    folder: pathlib.Path,
    report: Callable[[str], None],
    allow_outside: bool = True,
) -> Motion | None:
    """The motion of a row.

    Args:
      cells: text by column.
      folder: what paths are relative to.
      report: called with each fault of the row's cells, which it names.
      allow_outside: whether a path may lead out of the folder: `..`, an absolute one, a link.

    Returns:
      The motion; None, or one that cannot be used, where a fault was reported.
    """
    faults: list[str] = []
    motion = _motion(cells, folder, faults.append)
    if motion is not None and not faults and not allow_outside:
        faults += itertools.islice(outside(_files(motion), folder), 1)
    for fault in faults:
        report(fault)
    return motion


def _files(motion: Motion) -> Sequence[pathlib.Path]:
    """The files that a motion is read from."""
    match motion:
        case FramePair(onset=onset, apex=apex):
            return onset, apex
        case FrameSequence(paths=paths):
            return paths
        case FlowFile(path=path) | VideoPair(path=path) | VideoFilm(path=path):
            return (path,)
    raise TypeError(f"no motion of a manifest: {motion}")


def _motion(
    cells: Mapping[str, str], folder: pathlib.Path, report: Callable[[str], None]
) -> Motion | None:
    given = [name for name in SOURCES if cells.get(name)]
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        report(f"give one source of motion, flow, frames or onset_path; it has {found}")
        return None
    cell = CellReader(cells, report)
    if given[0] == "flow":
        return FlowFile(cell("flow", lambda text: _file(folder, text)))
    if given[0] == "onset_path":
        names = ("onset_path", "apex_path")
        return FramePair(*(cell(name, lambda text: _file(folder, text)) for name in names))
    frames = path_of(folder, cells["frames"])
    if is_file(frames):
        return manifest_film.in_video(cells, frames, report)
    if is_folder(frames):
        return manifest_film.in_folder(cells, frames, report)
    report(f"frames: there is no folder or video {shown(frames)}")
    return None


def _file(folder: pathlib.Path, relative: str) -> pathlib.Path:
    if not relative:
        raise ValueError("is blank")
    path = path_of(folder, relative)
    if not is_file(path):
        windows = _DRIVE.match(relative) and "; give paths relative to the manifest"
        raise ValueError(f"there is no file {shown(path)}{windows or ''}")
    return path


def path_of(folder: pathlib.Path, written: str) -> pathlib.Path:
    """The path that a cell means; a backslash of Windows parts folders like a slash."""
    path = folder / written
    if "\\" in written and not (is_file(path) or is_folder(path)):
        return folder / written.replace("\\", "/")
    return path
