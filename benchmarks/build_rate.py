"""Clips per second of the database build, on one process and on two, in one run.

    python -m benchmarks.build_rate

Drawn faces go the whole way: drawing, RetinaFace, alignment, TV-L1 flow. Prints both rates
and appends them to benchmarks/RESULTS.md.
"""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import tempfile
import time
from collections.abc import Sequence

from absl import flags

from benchmarks.results import add_row
from data_builders.database import pipeline
from data_builders.database.cache import ClipCache
from data_builders.simulation.options import SimulatedOptions
from data_builders.sources import simulated
from ethnicmer_jax.base import cli

_CLIPS = flags.DEFINE_integer("clips", 60, "How many clips to compute.", lower_bound=1)
_RESULTS = flags.DEFINE_string("results", "benchmarks/RESULTS.md", "File to append to.")


def main() -> None:
    """Measures both."""
    tasks = simulated.list_clips(SimulatedOptions()).tasks[: _CLIPS.value]
    rates = [_rate(tasks, workers) for workers in (1, 2)]
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    row = (
        f"| {day} | {len(tasks)} drawn clips, RetinaFace, TV-L1 | {rates[0]:.2f} clips/s | "
        f"{rates[1]:.2f} clips/s | {rates[1] / rates[0]:.2f} |"
    )
    print(row)
    add_row(pathlib.Path(_RESULTS.value), "Building a database", row)


def _rate(tasks: Sequence, workers: int) -> float:
    options = dataclasses.replace(pipeline.BuildOptions(), workers=workers)
    jobs = pipeline.jobs(tasks, options)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        problems = pipeline.process(jobs, options, ClipCache(pathlib.Path(folder)))
        seconds = time.perf_counter() - start
    if problems:
        raise RuntimeError(f"{len(problems)} clips failed: {problems[0]}")
    return len(tasks) / seconds


if __name__ == "__main__":
    cli.run(main)
