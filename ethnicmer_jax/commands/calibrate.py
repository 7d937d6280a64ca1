"""Measures the study's false-alarm rate and power on simulated databases.

python -m ethnicmer_jax calibrate --workdir=DIR [--databases=N] [--effects=0,0.5,1]

Writes DIR/calibration.csv, databases.csv and report/index.html. The same command goes on
where it was interrupted. A study shows what lies as calibration.csv in its directory.
"""

from __future__ import annotations

import pathlib

import ml_collections
from absl import flags
from ml_collections import config_flags

import configs
from ethnicmer_jax.base import cli, environment, lock
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import check

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    str(pathlib.Path(configs.__file__).with_name("calibrate.py")),
    "File of the config.",
    lock_config=True,
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Directory for everything that is written.")
_DATABASES = flags.DEFINE_integer(
    "databases", None, "Simulated databases of each design at effect 0; elsewhere at most as many."
)
_EFFECTS = flags.DEFINE_list("effects", None, "True effects, such as 0,0.5,1.")
_CHECK_FRAMES = flags.DEFINE_integer(
    "check_frames",
    0,
    "Instead, analyse so many databases as motion fields and as drawn frames.",
    lower_bound=0,
)


def main() -> None:
    """Runs the calibration that the flags describe."""
    config, directory = _config(), cli.directory_of(_WORKDIR)
    check.settings(config)
    environment.prefer_core_devices()
    # pandas and figures take seconds to import; who asks for help is spared them.
    from ethnicmer_jax.jobs.calibration import frames_check, runner

    with lock.held(directory):
        if _CHECK_FRAMES.value:
            frames_check.run(config, _CHECK_FRAMES.value, directory)
        else:
            runner.run(config, directory)


def _config() -> ml_collections.ConfigDict:
    """The config with the flags' own settings in it."""
    config = cli.config_of(_CONFIG)
    settings = config.calibration
    if _DATABASES.value is not None:
        settings.databases = _DATABASES.value
        settings.power_databases = min(settings.power_databases, _DATABASES.value)
    if _EFFECTS.value is not None:
        try:
            settings.effects = tuple(map(float, _EFFECTS.value))
        except ValueError:
            given = ",".join(_EFFECTS.value)
            raise UserError(f"--effects={given}: give numbers, such as 0,0.5,1") from None
    return config
