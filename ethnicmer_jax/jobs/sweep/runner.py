"""Runs the points of a sweep one after the other, and sums up what is finished."""

from __future__ import annotations

import pathlib
import traceback
from collections.abc import Sequence

from ethnicmer_jax import jobs
from ethnicmer_jax.base import files, lock, places
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import work_directory
from ethnicmer_jax.jobs.sweep import result_files
from ethnicmer_jax.jobs.sweep.grid import Point
from ethnicmer_jax.report import console, sweep_page


def run(points: Sequence[Point], directory: pathlib.Path) -> dict[str, str]:
    """Runs points one after the other; one that fails does not stop the others.

    Args:
      points: those that this process has to run.
      directory: of the sweep.

    Returns:
      Point name -> why it failed, in one line.
    """
    failures = {}
    for number, point in enumerate(points, start=1):
        console.print_line(f"point {number} of {len(points)}: {point.name}")
        try:
            _run_point(point, result_files.work_directory(directory, point.name))
        except lock.InUseError as error:
            console.print_line(f"left to whoever runs it: {error}")
        except Exception as error:  # One point without memory or with a fault of ours is not all.
            said = str(error) if isinstance(error, UserError) else places.line(error)
            if said is not None:
                failures[point.name] = line = " ".join(said.split())
                result_files.write_error(directory, point.name, line)
                continue
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            failures[point.name] = line = f"{reason} (traceback in errors/{point.name}.txt)"
            result_files.write_error(directory, point.name, line, traceback.format_exc())
        else:
            result_files.clear_error(directory, point.name)
    return failures


def summarise(directory: pathlib.Path) -> None:
    """Writes the summary of whatever points are finished, and says where it is.

    Raises:
      UserError: the directory is not that of a sweep.
    """
    name, points = result_files.read(directory)
    path = sweep_page.write(name, points, directory)
    finished = sum(point.predictions is not None for point in points)
    console.print_points(files.read_table(directory / "summary.csv"))
    console.print_line(f"{finished} of {len(points)} points are finished")
    console.print_line(f"summary: {path}")


def _run_point(point: Point, work: pathlib.Path) -> None:
    """Does what is missing; of a finished point, compares the config only."""
    if (work / "predictions.csv").is_file() and (work / "report" / "index.html").is_file():
        jobs.run(point.config, work, "train")
        return
    with result_files.timed(work):
        jobs.run(point.config, work)
    work_directory.forget_compiled()
