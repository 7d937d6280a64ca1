"""The command: `python -m ethnicmer_jax.main --config=configs/stereo.py --workdir=DIR`.

A work directory that is there already needs no --config: its config.json says what to do.
With --config, --help also lists every setting.
"""

from __future__ import annotations

import pathlib

import ml_collections
from absl import flags
from ml_collections import config_flags

from ethnicmer_jax import jobs
from ethnicmer_jax.base import cli, environment, peers
from ethnicmer_jax.base.schema import UserError

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "File of the config, such as configs/stereo.py.", lock_config=True
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Directory for everything that the job writes.")
_MODE = flags.DEFINE_enum("mode", "all", jobs.MODES, "Which part of the job to run.")
_DRAWS = flags.DEFINE_integer(
    "draws", None, "Draws of a study: short for --config.protocol.draws.", lower_bound=1
)
_DISTRIBUTED = flags.DEFINE_bool(
    "distributed", False, "Share the folds among the processes of a cluster job (SLURM and others)."
)


def main() -> None:
    """Runs the job that the flags describe."""
    named = _CONFIG.value is not None or not _WORKDIR.value
    config = cli.config_of(_CONFIG) if named else None
    directory = cli.directory_of(_WORKDIR)
    if config is None and not (directory / "config.json").is_file():
        raise UserError(
            f"--config must name a config file, such as configs/stereo.py: {directory} holds no "
            "config.json to go on with"
        )
    if _DRAWS.value:
        if config is None:
            raise UserError("--draws changes a config: name it with --config")
        if config.protocol.name not in ("draws", "study"):
            raise UserError(f"--draws: the protocol {config.protocol.name} draws nothing")
        config.protocol.draws = _DRAWS.value
    environment.prefer_core_devices()
    if not _DISTRIBUTED.value:
        _run(config, directory)
        return
    from ethnicmer_jax.training import devices

    place = devices.join()
    with peers.present(directory, place):
        _run(config, directory, first=place.index == 0)


def _run(
    config: ml_collections.ConfigDict | None, directory: pathlib.Path, first: bool = True
) -> None:
    if config is None:
        jobs.resume(directory, _MODE.value, first)
        return
    jobs.run(config, directory, _MODE.value, first)
    if first and _MODE.value == "all":
        # Both are loaded by now; who asks for help is spared them.
        from ethnicmer_jax.jobs import next_steps
        from ethnicmer_jax.report import console

        console.print_next(list(next_steps.of(config, directory)))


if __name__ == "__main__":
    cli.run(main)
