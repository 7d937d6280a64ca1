"""Files and directories that appear whole or not at all; which config a directory belongs to.

Everything that the project writes goes through `atomic` or `atomic_directory`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import platform
import shutil
import time
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ethnicmer_jax.base import csv_cells, places, sums
from ethnicmer_jax.base.schema import UserError

FREE = ("engine", "data.data_dir", "data.allow_outside", "optim.divergence")
"""Settings that change where and how fast, what may be read or which folds are kept, and not what a
kept fold predicts: they may differ when resuming."""


def claim(
    workdir: pathlib.Path,
    config: Mapping[str, Any],
    completed: Callable[[Any], Any] = lambda recorded: recorded,
) -> None:
    """Writes config.json, or compares it with what the directory was used for.

    Args:
      workdir: made if it does not exist.
      config: the resolved config as plain data.
      completed: gives what an earlier version recorded the settings that it did not know.

    Raises:
      UserError: the directory was used with another config; the message has the
        differences.
    """
    path = workdir / "config.json"
    for folder in (workdir, workdir / "parts"):
        remove_abandoned(folder)
    if path.is_file():
        old = completed(read_json(path))
        differences = list(_differences(old, json.loads(json.dumps(config))))
        if differences:
            shown = "; ".join(differences[:8]) + ("; ..." if len(differences) > 8 else "")
            raise UserError(
                f"{workdir} was used with another config ({shown}); choose another --workdir"
            )
    known = path.name in sums.recorded(workdir)
    if not known or not path.is_file() or path.read_text(encoding="utf-8") != json_text(config):
        # Unchanged it is left alone: a finished job can be looked at where nothing can be written.
        write_json(path, config, summed=True)


def read_json(path: pathlib.Path, mend: str = sums.BRING_BACK, kind: type = dict) -> Any:
    """The object in a JSON file.

    Args:
      path: of the file.
      mend: what the user may do where it is damaged.
      kind: list, where it holds a list instead.

    Raises:
      UserError: it does not exist, is damaged, or holds something else.
    """
    try:
        value = json.loads(sums.read(path, mend))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; run --mode=all in this work directory") from None
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise sums.DamagedError(path, f"is not JSON ({reason})", mend) from None
    if not isinstance(value, kind):
        wanted = "object" if kind is dict else kind.__name__
        raise sums.DamagedError(path, f"is not a JSON {wanted}", mend)
    return value


def read_table(path: pathlib.Path, mend: str = sums.BRING_BACK, **options: Any) -> pd.DataFrame:
    """The table in a CSV file in UTF-8; options as of `read_csv`.

    Args:
      path: of the file.
      mend: what the user may do where it is damaged.
      **options: as of `pandas.read_csv`.

    Raises:
      FileNotFoundError: there is no such file, and never was.
      DamagedError: it is not what was written, or no table.
    """
    content = sums.read(path, mend)
    try:
        table = pd.read_csv(io.BytesIO(content), encoding="utf-8", **options)
    except (ValueError, OverflowError) as error:  # Among them what pandas' parser raises.
        reason = " ".join(str(error).split())
        raise sums.DamagedError(path, f"is not a table ({reason})", mend) from None
    return csv_cells.plain_table(table)


def read_arrays(path: pathlib.Path, mend: str = sums.BRING_BACK) -> dict[str, np.ndarray]:
    """The arrays of an .npz file.

    Args:
      path: of the file.
      mend: what the user may do where it is damaged.

    Raises:
      FileNotFoundError: there is no such file, and never was.
      DamagedError: it is not what was written, or no .npz file.
    """
    content = sums.read(path, mend)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)
    except (*_NO_ARRAYS, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise sums.DamagedError(path, f"is damaged ({reason})", mend) from None


_NO_ARRAYS = (OSError, ValueError, EOFError, KeyError, MemoryError, OverflowError, SyntaxError,
              NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)  # fmt: skip
"""What NumPy raises at files that are no .npz, or broken ones."""


@contextlib.contextmanager
def atomic(path: pathlib.Path, summed: bool = False) -> Iterator[pathlib.Path]:
    """Yields a temporary path; the file written there replaces `path` if the block succeeds.

    Whoever reads `path` finds the old file or the new one, also while several processes
    write it: each has a temporary file of its own, in the same directory, which is made
    where it is missing. The file's mode follows the user's umask.

    Args:
      path: of the file.
      summed: whether its sum is written down, as of every file that is read back.
    """
    partial = _partial(path)
    with places.naming(path, partial):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            if summed:
                sums.record(path, sums.of_file(partial))
            partial.replace(path)
        finally:
            with contextlib.suppress(OSError):  # what went wrong before says more
                partial.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_directory(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a new temporary directory that replaces `path` if the block succeeds.

    What a process that was killed here left beside `path` is removed.
    """
    partial = _partial_directory(path)
    with places.naming(path, partial):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_dir():
            raise UserError(f"{path} is a file where a folder is to be: move it away")
        remove_abandoned(path.parent)
        partial.mkdir()
        try:
            yield partial
            _replace_directory(partial, path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def write_json(path: pathlib.Path, value: Any, summed: bool = False) -> None:
    """Writes a JSON file whole or not at all; `summed` as of `atomic`."""
    write_text(path, json_text(value), summed)


def json_text(value: Any) -> str:
    """What `write_json` writes."""
    return json.dumps(value, indent=2) + "\n"


def write_table(
    path: pathlib.Path, table: pd.DataFrame, summed: bool = False, **options: Any
) -> None:
    """Writes a CSV file whole or not at all, without the index; options as of `to_csv`.

    No text in it is a formula: see `csv_cells`; `read_table` gives the texts as they were.
    """
    with atomic(path, summed) as partial:
        csv_cells.to_csv(table, partial, **options)


def csv_text(table: pd.DataFrame) -> str:
    """What `write_table` writes."""
    return csv_cells.to_csv(table) or ""


def write_arrays(
    path: pathlib.Path, compressed: bool = False, summed: bool = False, **arrays: np.ndarray
) -> None:
    """Writes an .npz file whole or not at all; `summed` as of `atomic`."""
    save = np.savez_compressed if compressed else np.savez
    with atomic(path, summed) as partial, partial.open("wb") as file:
        save(file, **arrays)


def write_text(path: pathlib.Path, text: str, summed: bool = False) -> None:
    """Writes a text file, UTF-8, whole or not at all; `summed` as of `atomic`."""
    write_bytes(path, text.encode(), summed)


def write_bytes(path: pathlib.Path, content: bytes, summed: bool = False) -> None:
    """Writes a file whole or not at all; `summed` as of `atomic`."""
    with atomic(path, summed) as partial:
        partial.write_bytes(content)


def _replace_directory(new: pathlib.Path, target: pathlib.Path) -> None:
    """Moves `new` to where `target` may be; a rename cannot replace what is not empty."""
    old = _partial_directory(target)
    with contextlib.suppress(FileNotFoundError):
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if target.exists():  # another process has put its own there in between
            _replace_directory(new, target)
        else:
            old.rename(target)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def remove_abandoned(folder: pathlib.Path) -> None:
    """Removes what killed processes were writing into a folder, and left under a temporary name.

    Of processes of this machine it is known whether they still run; what others left goes once
    nothing in it has changed for LONG_AGO seconds.
    """
    for partial in folder.glob(".*.partial"):
        process = partial.name.split(".")[-3]
        if process.isdecimal() and f".{platform.node()}.{process}." in partial.name:
            abandoned = not _runs(int(process))
        else:
            abandoned = time.time() - _last_change(partial) > LONG_AGO
        if abandoned and partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        elif abandoned:
            partial.unlink(missing_ok=True)


LONG_AGO = 86_400.0
"""Seconds; nothing takes a day to be written."""


def _last_change(path: pathlib.Path) -> float:
    """When anything in a file or folder changed last, seconds since the epoch."""
    times = [0.0]
    for each in (path, *path.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            times.append(each.stat().st_mtime)
    return max(times)


def _partial(path: pathlib.Path) -> pathlib.Path:
    """A hidden path beside another that no other process uses."""
    return path.with_name(f".{_unique()}.partial")


def _partial_directory(path: pathlib.Path) -> pathlib.Path:
    """The same for a directory."""
    return path.with_name(f".{path.name}.{_unique()}.partial")


def _unique() -> str:
    """What no other name has, and which process of which machine has made it."""
    return f"{platform.node()}.{os.getpid()}.{uuid.uuid4().hex}"


def _runs(process: int) -> bool:
    """Whether a process of this machine still runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    """One `name: old -> new` for each setting that differs."""
    if name in FREE:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}".lstrip("."))
    elif old != new:
        yield f"{name}: {json.dumps(old)} -> {json.dumps(new)}"
