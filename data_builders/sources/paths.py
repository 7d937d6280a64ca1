"""Asks for files and folders whose names come from a user: any text may stand there."""

from __future__ import annotations

import pathlib


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
