"""Files and directories that appear whole or not at all; which config a directory belongs to.

Everything that the project writes goes through `atomic` or `atomic_directory`.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import pathlib
import platform
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ethnicmer_jax.base.schema import UserError

FREE = ("engine", "data.data_dir", "optim.divergence")
"""Settings that change where and how fast, or which folds are kept, and not what a kept fold
predicts: they may differ when resuming."""


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
    if path.is_file():
        old = completed(read_json(path))
        differences = list(_differences(old, json.loads(json.dumps(config))))
        if differences:
            shown = "; ".join(differences[:8]) + ("; ..." if len(differences) > 8 else "")
            raise UserError(
                f"{workdir} was used with another config ({shown}); choose another --workdir"
            )
    write_json(path, config)


def read_json(path: pathlib.Path) -> Any:
    """The content of a JSON file.

    Raises:
      UserError: it does not exist or is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; run --mode=all in this work directory") from None
    except ValueError as error:
        raise UserError(
            f"{path} is not JSON ({error}): it was damaged after it was written; bring back a copy "
            "of it, or run anew in another directory"
        ) from None


@contextlib.contextmanager
def atomic(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a temporary path; the file written there replaces `path` if the block succeeds.

    Whoever reads `path` finds the old file or the new one, also while several processes
    write it: each has a temporary file of its own, in the same directory, which is made
    where it is missing. The file's mode follows the user's umask.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_directory(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a new temporary directory that replaces `path` if the block succeeds.

    What a process that was killed here left beside `path` is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    partial = _partial_directory(path)
    partial.mkdir()
    try:
        yield partial
        _replace_directory(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes a JSON file whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_table(path: pathlib.Path, table: pd.DataFrame, **options: Any) -> None:
    """Writes a CSV file whole or not at all, without the index; options as of `to_csv`."""
    with atomic(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n", **options)


def write_arrays(path: pathlib.Path, compressed: bool = False, **arrays: np.ndarray) -> None:
    """Writes an .npz file whole or not at all."""
    save = np.savez_compressed if compressed else np.savez
    with atomic(path) as partial, partial.open("wb") as file:
        save(file, **arrays)


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text file, UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: pathlib.Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    with atomic(path) as partial:
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


def _partial(path: pathlib.Path) -> pathlib.Path:
    """A hidden path beside another that no other process uses."""
    return path.with_name(f".{uuid.uuid4().hex}.partial")


def _partial_directory(path: pathlib.Path) -> pathlib.Path:
    """The same for a directory; the name says which process of which machine has made it."""
    unique = f"{os.getpid()}.{uuid.uuid4().hex}"
    return path.with_name(f".{path.name}.{platform.node()}.{unique}.partial")


def _remove_abandoned(path: pathlib.Path) -> None:
    """Removes the temporary directories of `path` whose process no longer runs."""
    pattern = glob.escape(f".{path.name}.{platform.node()}.") + "*.partial"
    for partial in path.parent.glob(pattern):
        process = partial.name.split(".")[-3]
        if process.isdecimal() and not _runs(int(process)):
            shutil.rmtree(partial, ignore_errors=True)


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
