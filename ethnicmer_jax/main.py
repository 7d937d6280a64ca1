"""The command: `python -m ethnicmer_jax.main --config=configs/stereo.py --workdir=DIR`."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from absl import flags
from ml_collections import config_flags

from ethnicmer_jax import cli, environment, job, study
from ethnicmer_jax.schema import UserError

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "File of the config, such as configs/stereo.py.", lock_config=True
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Directory for everything that the job writes.")
_MODE = flags.DEFINE_enum("mode", "all", job.MODES, "Which part of the job to run.")
_DRAWS = flags.DEFINE_integer(
    "draws", None, "Draws of a study: short for --config.protocol.draws.", lower_bound=1
)
_DISTRIBUTED = flags.DEFINE_bool(
    "distributed", False, "Share the folds among the processes of a cluster job (SLURM and others)."
)


def main(argv: Sequence[str]) -> None:
    """Runs the job that the flags describe."""
    if len(argv) > 1:
        raise UserError(f"what is {argv[1]!r}? Options begin with --, see --help")
    config = cli.config_of(_CONFIG)
    if not _WORKDIR.value:
        raise UserError("--workdir is needed, see --help")
    if _DRAWS.value:
        config.protocol.draws = _DRAWS.value
    environment.prefer_core_devices()
    first = True
    if _DISTRIBUTED.value:
        import jax

        jax.distributed.initialize()
        first = jax.process_index() == 0
    runner = study if config.protocol.name == "study" else job
    runner.run(config, pathlib.Path(_WORKDIR.value), _MODE.value, first)


if __name__ == "__main__":
    cli.run(main)
