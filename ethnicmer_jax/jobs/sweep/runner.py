"""Runs the points of a sweep one after the other, and sums up what is finished."""

from __future__ import annotations

import gc
import pathlib
import traceback
from collections.abc import Sequence

from rich.console import Console

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import job
from ethnicmer_jax.jobs.sweep import results
from ethnicmer_jax.jobs.sweep.grid import Point
from ethnicmer_jax.report import sweep


def run(points: Sequence[Point], directory: pathlib.Path) -> dict[str, str]:
    """Runs points one after the other; one that fails does not stop the others.

    Args:
      points: those that this process has to run.
      directory: of the sweep.

    Returns:
      Point name -> why it failed, in one line.
    """
    console = Console(highlight=False)
    failures = {}
    for number, point in enumerate(points, start=1):
        console.rule(f"{number} of {len(points)}: {point.name}", align="left")
        try:
            _run_point(point, results.work_directory(directory, point.name))
        except UserError as error:
            failures[point.name] = line = " ".join(str(error).split())
            results.write_error(directory, point.name, line)
        except Exception as error:  # One point without memory or with a fault of ours is not all.
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            failures[point.name] = line = f"{reason} (traceback in errors/{point.name}.txt)"
            results.write_error(directory, point.name, line, traceback.format_exc())
        else:
            results.clear_error(directory, point.name)
    return failures


def summarise(directory: pathlib.Path) -> None:
    """Writes the summary of whatever points are finished, and says where it is.

    Raises:
      UserError: the directory is not that of a sweep.
    """
    name, points = results.read(directory)
    path = sweep.write(name, points, directory)
    finished = sum(point.predictions is not None for point in points)
    console = Console(highlight=False)
    console.print(f"{finished} of {len(points)} points are finished")
    console.print(f"summary: {path}", soft_wrap=True)


def _run_point(point: Point, work: pathlib.Path) -> None:
    """Does what is missing; of a finished point, compares the config only."""
    if (work / "predictions.csv").is_file() and (work / "report" / "index.html").is_file():
        job.run(point.config, work, "train")
        return
    with results.timed(work):
        job.run(point.config, work)
    _forget_compiled()


def _forget_compiled() -> None:
    """Frees what the last point left in memory: no other point has a use for its programs."""
    import jax

    jax.clear_caches()
    gc.collect()
