r"""Runs a grid of config overrides, each point an ordinary job; then one table of all of them.

python -m ethnicmer_jax sweep --config=configs/ablation.py:fusions --workdir=DIR

Every point works in DIR/points/NAME/. The same command goes on where it was interrupted,
skips what is finished, and tries again what failed. DIR/summary.csv, .md and .html hold
whatever points are finished, compared with the first. On a cluster, an array of tasks:

#SBATCH --array=1-8
python -m ethnicmer_jax sweep --config=configs/ablation.py:fusions --workdir=DIR \
  --shard=$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT

Tasks do not talk to each other; each writes the summary when it is done. --summary_only
writes it again at any time and needs nothing but --workdir.
"""

from __future__ import annotations

import sys

from absl import flags
from ml_collections import config_flags

from ethnicmer_jax.base import cli, environment
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs.sweep import grid

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


def main() -> None:
    """Runs the sweep that the flags describe."""
    directory = cli.directory_of(_WORKDIR)
    if _SUMMARY_ONLY.value:
        from ethnicmer_jax.jobs.sweep import runner

        runner.summarise(directory)
        return
    config = cli.config_of(_CONFIG)
    points = grid.points(config)
    mine = grid.share(points, _SHARD.value)
    environment.prefer_core_devices()
    # pandas and figures take seconds to import; who asks for help is spared them.
    from ethnicmer_jax.jobs.sweep import result_files, runner

    result_files.describe(directory, config.name, points)
    failures = runner.run(mine, directory)
    runner.summarise(directory)
    if failures:
        lines = [f"{name}: {line}" for name, line in failures.items()]
        print(*lines, sep="\n", file=sys.stderr)  # noqa: T201
        raise UserError(
            f"{len(failures)} of {len(mine)} points failed; the same command tries them again"
        )
