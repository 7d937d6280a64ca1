"""What a sweep leaves in its directory, and how it is read back.

    sweep.json             name of the sweep; name and overrides of every point, in order
    points/NAME/           the work directory of a point, as of any job
    points/NAME/wall.json  seconds that processes have worked at it
    errors/NAME.txt        why a point failed; gone once it has succeeded

Processes that share a sweep only meet here, and each file appears whole.
"""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ethnicmer_jax.analysis.sweep import Result
from ethnicmer_jax.base import files
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs.sweep.grid import Point
from ethnicmer_jax.protocols import complete


def describe(directory: pathlib.Path, name: str, points: Sequence[Point]) -> None:
    """Writes sweep.json; a sweep may get more points later, and lose some.

    Raises:
      UserError: the directory is that of another sweep, or of a job.
    """
    if (directory / "config.json").is_file():
        raise UserError(f"{directory} is the work directory of a job; choose another --workdir")
    if (directory / "sweep.json").is_file():
        before = files.read_json(directory / "sweep.json")
        if isinstance(before, dict) and before.get("name") != name:
            raise UserError(
                f"{directory} holds the sweep {before.get('name')}, not {name}; "
                "choose another --workdir"
            )
    listed = [{"name": point.name, "overrides": dict(point.overrides)} for point in points]
    files.write_json(directory / "sweep.json", {"name": name, "points": listed}, summed=True)


def read(directory: pathlib.Path) -> tuple[str, list[Result]]:
    """The name of a sweep, and all its points, finished or not.

    Raises:
      UserError: the directory is not that of a sweep, or a file in it is damaged.
    """
    if not (directory / "sweep.json").is_file():
        raise UserError(f"{directory} is no sweep: it has no sweep.json; see sweep --help")
    listed = files.read_json(directory / "sweep.json")
    try:
        points = [(str(point["name"]), dict(point["overrides"])) for point in listed["points"]]
        return str(listed["name"]), [_result(directory, *point) for point in points]
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{directory / 'sweep.json'} is damaged; run the sweep again") from None


def work_directory(directory: pathlib.Path, name: str) -> pathlib.Path:
    """Where the job of a point works."""
    return directory / "points" / name


@contextlib.contextmanager
def timed(point: pathlib.Path) -> Iterator[None]:
    """Adds the time spent inside to what the point's work directory has recorded."""
    start = time.monotonic()
    try:
        yield
    finally:
        # A job that was refused has made no directory, and taken no time worth telling.
        if point.is_dir():
            before = _seconds(point) or 0.0
            spent = before + time.monotonic() - start
            files.write_json(point / "wall.json", {"seconds": round(spent, 1)}, summed=True)


def write_error(directory: pathlib.Path, name: str, line: str, details: str = "") -> None:
    """Records why a point failed: one line, then anything else that may help."""
    files.write_text(_error_file(directory, name), f"{line}\n{details}")


def clear_error(directory: pathlib.Path, name: str) -> None:
    """The point has succeeded."""
    _error_file(directory, name).unlink(missing_ok=True)


def _result(directory: pathlib.Path, name: str, overrides: Mapping[str, Any]) -> Result:
    point = work_directory(directory, name)
    table, config = point / "predictions.csv", point / "config.json"
    error = _error_file(directory, name)
    return Result(
        name,
        overrides,
        files.read_json(config) if config.is_file() else {},
        complete.read(table) if table.exists() else None,
        _seconds(point),
        _first_line(error) if error.is_file() else None,
    )


def _first_line(path: pathlib.Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0]


def _seconds(point: pathlib.Path) -> float | None:
    path = point / "wall.json"
    if not path.is_file():
        return None
    try:
        return float(files.read_json(path)["seconds"])
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{path} is damaged; delete it") from None


def _error_file(directory: pathlib.Path, name: str) -> pathlib.Path:
    return directory / "errors" / f"{name}.txt"
