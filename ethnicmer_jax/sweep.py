"""Runs a grid of config overrides, each point an ordinary job; then one table of all of them.

python -m ethnicmer_jax.sweep --config=configs/ablation.py:fusions --workdir=DIR

Every point works in DIR/points/NAME/. The same command goes on where it was interrupted,
skips what is finished, and tries again what failed. DIR/summary.csv, .md and .html hold
whatever points are finished, compared with the first. On a cluster, an array of tasks:

sbatch --array=1-8 --wrap='python -m ethnicmer_jax.sweep --config=configs/ablation.py
  --workdir=DIR --shard=$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT'

Tasks do not talk to each other; each writes the summary when it is done. --summary_only
writes it again at any time and needs nothing but --workdir.
"""

from __future__ import annotations

import gc
import pathlib
import sys
import traceback
from collections.abc import Sequence

from absl import flags
from ml_collections import config_flags
from rich.console import Console

from ethnicmer_jax import cli, environment, job, sweep_grid, sweep_results
from ethnicmer_jax.report import sweep_table
from ethnicmer_jax.schema import UserError
from ethnicmer_jax.sweep_grid import Point

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "File of a config with config.sweep, such as configs/ablation.py:fusions.",
    lock_config=True,
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Directory for everything that the sweep writes.")
_SHARD = flags.DEFINE_string(
    "shard", "1/1", "i/n: run only every n-th point, from the i-th on; i counts from 1."
)
_SUMMARY_ONLY = flags.DEFINE_bool(
    "summary_only", False, "Run nothing, write the summary of what is finished."
)


def main(argv: Sequence[str]) -> None:
    """Runs the sweep that the flags describe."""
    if len(argv) > 1:
        raise UserError(f"what is {argv[1]!r}? Options begin with --, see --help")
    if not _WORKDIR.value:
        raise UserError("--workdir is needed, see --help")
    directory = pathlib.Path(_WORKDIR.value)
    if _SUMMARY_ONLY.value:
        summarise(directory)
        return
    config = cli.config_of(_CONFIG)
    points = sweep_grid.points(config)
    mine = sweep_grid.share(points, _SHARD.value)
    environment.prefer_core_devices()
    sweep_results.describe(directory, config.name, points)
    failures = run(mine, directory)
    summarise(directory)
    if failures:
        lines = [f"{name}: {line}" for name, line in failures.items()]
        print(*lines, sep="\n", file=sys.stderr)  # noqa: T201
        raise UserError(
            f"{len(failures)} of {len(mine)} points failed; the same command tries them again"
        )


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
            _run_point(point, sweep_results.work_directory(directory, point.name))
        except UserError as error:
            failures[point.name] = line = " ".join(str(error).split())
            sweep_results.write_error(directory, point.name, line)
        except Exception as error:  # One point without memory or with a fault of ours is not all.
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            failures[point.name] = line = f"{reason} (traceback in errors/{point.name}.txt)"
            sweep_results.write_error(directory, point.name, line, traceback.format_exc())
        else:
            sweep_results.clear_error(directory, point.name)
    return failures


def summarise(directory: pathlib.Path) -> None:
    """Writes the summary of whatever points are finished, and says where it is.

    Raises:
      UserError: the directory is not that of a sweep.
    """
    name, results = sweep_results.read(directory)
    path = sweep_table.write(name, results, directory)
    finished = sum(result.predictions is not None for result in results)
    console = Console(highlight=False)
    console.print(f"{finished} of {len(results)} points are finished")
    console.print(f"summary: {path}", soft_wrap=True)


def _run_point(point: Point, work: pathlib.Path) -> None:
    """Does what is missing; of a finished point, compares the config only."""
    if (work / "predictions.csv").is_file() and (work / "report" / "index.html").is_file():
        job.run(point.config, work, "train")
        return
    with sweep_results.timed(work):
        job.run(point.config, work)
    _forget_compiled()


def _forget_compiled() -> None:
    """Frees what the last point left in memory: no other point has a use for its programs."""
    import jax

    jax.clear_caches()
    gc.collect()


if __name__ == "__main__":
    cli.run(main)
