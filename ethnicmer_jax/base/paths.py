"""Asks for files and folders whose names come from a user: any text may stand there."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator

_LONGEST = 400


def is_file(path: pathlib.Path) -> bool:
    """Whether there is such a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: pathlib.Path) -> bool:
    """Whether there is such a folder; a name that no folder can have is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def exists(path: pathlib.Path) -> bool:
    """Whether there is a file or folder of this name."""
    return is_file(path) or is_folder(path)


def outside(paths: Iterable[pathlib.Path], folder: pathlib.Path) -> Iterator[str]:
    """What is to be said of files that lie outside of a folder, links followed.

    The folder itself may be a link; nothing below it may lead out of it.

    Args:
      paths: of files that are there.
      folder: what they are to lie in.
    """
    root = folder.resolve()
    parents: dict[pathlib.Path, pathlib.Path] = {}
    for path in paths:
        if path.is_symlink():
            target = path.resolve()
        else:  # of a folder of many frames, the links on the way to it are followed once
            if path.parent not in parents:
                parents[path.parent] = path.parent.resolve()
            target = parents[path.parent] / path.name
        if not target.is_relative_to(root):
            yield (
                f"{shown(path)} leads out of {shown(folder)}, to {shown(target)}: put it there, or "
                "allow it with --allow_outside (--config.data.allow_outside=True)"
            )


def shown(path: pathlib.Path) -> str:
    """A path for messages, cut where it is longer than any that a disk can hold."""
    text = str(path)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
