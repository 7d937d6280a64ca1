"""Sums of the files that the program reads back: a damaged one is never read unnoticed.

A folder of such files has a file FILE_NAME with one line for every version of each of them: its
SHA-256, a check of the line itself, its name. A sum is written before its file appears and is
never taken back, so whoever is killed in between leaves the file as it was, whose sum is there,
too; and processes that write at a time cannot lose each other's lines. A name without a line is
read unchecked: it was written by an earlier version, or by hand.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import pathlib
import shutil
import zlib
from collections.abc import Mapping
from typing import Any

from ethnicmer_jax.base import progress
from ethnicmer_jax.base.schema import UserError

FILE_NAME = ".sums"

_OF_LINE = "sum"
"""Key of a line that carries its own sum: of a file that grows line by line."""

_DAMAGED = ".damaged"
"""At the end of the name of what was set aside."""


class DamagedError(UserError):
    """A file or folder is not what was written.

    Attributes:
      path: of it.
    """

    def __init__(self, path: pathlib.Path, reason: str, mend: str):
        """Says in one line what is wrong and how to mend it."""
        super().__init__(f"{path} {reason}: {mend}")
        self.path = path


BRING_BACK = "bring back a copy of it, or run anew in another directory"
"""How to mend a file that nothing else follows from."""


def of_bytes(content: bytes) -> str:
    """The sum of some content."""
    return hashlib.sha256(content).hexdigest()


def of_file(path: pathlib.Path) -> str:
    """The sum of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record(path: pathlib.Path, value: str) -> None:
    """Writes down the sum of what `path` is about to hold.

    Args:
      path: of the file; its folder exists.
      value: a sum, see `of_bytes`.
    """
    line = f"{value} {_check(value, path.name)} {path.name}\n".encode(errors="surrogateescape")
    known = path.parent / FILE_NAME
    if known.is_dir():
        set_aside(known, "sums are written down anew")
    with known.open("a+b") as file:
        # The end alone: a folder may hold the results of thousands of folds.
        file.seek(max(0, file.seek(0, os.SEEK_END) - len(line)))
        last = file.read()
        if last != line:
            # After a line that a kill has cut off, a new one is begun.
            file.write(line if last.endswith(b"\n") or not last else b"\n" + line)


def recorded(folder: pathlib.Path) -> dict[str, set[str]]:
    """File name -> the sums of all its versions; lines that are damaged themselves do not count."""
    path = folder / FILE_NAME
    if not path.is_file():
        return {}
    stat = path.stat()
    return _parsed(path.absolute(), stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _parsed(path: pathlib.Path, size: int, changed: int) -> dict[str, set[str]]:
    """The lines of a file as it was; a folder may hold thousands of results, each asked for."""
    found: dict[str, set[str]] = {}
    for line in path.read_bytes().decode(errors="surrogateescape").split("\n"):
        value, _, rest = line.partition(" ")
        check, _, name = rest.partition(" ")
        if check == _check(value, name):
            found.setdefault(name, set()).add(value)
    return found


def check(path: pathlib.Path, value: str, mend: str = BRING_BACK) -> None:
    """Compares the sum of what was read from `path` with those that were written down.

    Raises:
      DamagedError: it is none of them.
    """
    known = recorded(path.parent).get(path.name)
    if known and value not in known:
        raise DamagedError(
            path,
            "is not what was written there (its sum is another one)",
            f"{mend}; if the change is meant, delete {path.parent / FILE_NAME}",
        )


def read(path: pathlib.Path, mend: str = BRING_BACK) -> bytes:
    """The content of a file, once it was compared with its sum.

    Args:
      path: of the file.
      mend: what the user may do where it is damaged.

    Raises:
      FileNotFoundError: there is no such file, and never was.
      DamagedError: it is not what was written, or no file.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if path.name not in recorded(path.parent):
            raise
        raise DamagedError(path, "is gone, though it was written", mend) from None
    except IsADirectoryError:
        raise DamagedError(path, "is a folder where a file was written", mend) from None
    check(path, of_bytes(content), mend)
    return content


def record_folder(folder: pathlib.Path) -> None:
    """Writes down the sums of all files of a folder, and of the folders in it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != FILE_NAME:
            record(path, of_file(path))


def check_folder(folder: pathlib.Path, mend: str) -> bool:
    """Compares all files of a folder whose sums were written down.

    Returns:
      Whether there were any.

    Raises:
      DamagedError: a file was lost or is not what was written.
    """
    known = recorded(folder)
    for name in known:
        path = folder / name
        if not path.is_file():
            raise DamagedError(path, "was written and is gone", mend)
        check(path, of_file(path), mend)
    return bool(known)


def is_lost(path: pathlib.Path) -> bool:
    """Whether a file was written and is gone."""
    return not path.exists() and path.name in recorded(path.parent)


def set_aside(path: pathlib.Path, instead: str) -> None:
    """Renames what is damaged, and says so in one line; an earlier one of that name goes.

    Args:
      path: a file or a folder.
      instead: what happens now, such as "its folds are trained again".
    """
    aside = path.with_name(f"{path.name}{_DAMAGED}")
    if aside.is_dir():
        shutil.rmtree(aside)
    try:
        if aside.exists() and path.is_dir():
            aside.unlink()
        path.replace(aside)
    except FileNotFoundError:  # another process of the same job has done so
        return
    progress.say(f"{path} is damaged and now called {aside.name}; {instead}")


def line(values: Mapping[str, Any]) -> str:
    """A line of JSON with the sum of its values; `values_of` reads it."""
    return json.dumps({**values, _OF_LINE: _of_values(values)})


def values_of(text: str) -> dict[str, Any]:
    """The values in a line of JSON; of an earlier version, it may come without a sum.

    Raises:
      ValueError: it is no JSON object, or not what was written.
    """
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("not a JSON object")
    value = values.pop(_OF_LINE, None)
    if value is not None and value != _of_values(values):
        raise ValueError("not what was written (its sum is another one)")
    return values


def _of_values(values: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(values).encode()):08x}"


def _check(value: str, name: str) -> str:
    """8 hexadecimal digits that tell a damaged line from a whole one."""
    return f"{zlib.crc32(f'{value} {name}'.encode(errors='surrogateescape')):08x}"
