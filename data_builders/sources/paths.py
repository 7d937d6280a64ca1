"""Asks for files and folders whose names come from a user: any text may stand there."""

from __future__ import annotations

import pathlib

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


def shown(path: pathlib.Path) -> str:
    """A path for messages, cut where it is longer than any that a disk can hold."""
    text = str(path)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
