"""Plans a recording: what so many subjects in such laboratories would find.

python -m ethnicmer_jax plan --workdir=DIR --laboratories=a:8+8[,b:12+4,c:16+0]

a:12+4 is a laboratory that records 12 subjects of one group and 4 of the other. A count may be
n, and --subjects=4,8,16 says what n is in turn. Writes DIR/power.csv, detectable.csv and
report/index.html. The same command goes on where it was interrupted.
"""

from __future__ import annotations

import pathlib

import ml_collections
from absl import flags
from ml_collections import config_flags

import configs
from configs import plan as plan_config
from ethnicmer_jax.base import cli, environment, lock, setting_rules, settings
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.base.settings import Real, Whole
from ethnicmer_jax.jobs import check
from ethnicmer_jax.jobs.planning import recording
from ethnicmer_jax.jobs.planning.recording import Recording

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    str(pathlib.Path(configs.__file__).with_name("plan.py")),
    "File of the config.",
    lock_config=True,
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Directory for everything that is written.")
_LABORATORIES = flags.DEFINE_string(
    "laboratories", "a:8+8", "NAME:COUNT+COUNT,...: subjects of either group; a count may be n."
)
_SUBJECTS = flags.DEFINE_list("subjects", [], "What n stands for, such as 4,8,16.")
_CLIPS = flags.DEFINE_float("clips", None, "Clips per subject, on average.")
_EFFECTS = flags.DEFINE_list("effects", None, "Effects to try, such as 0.25,0.5; 0 is added.")
_PRECISION = flags.DEFINE_float(
    "precision", 0.1, "Half the width of the interval of a power of one half."
)
_DATABASES = flags.DEFINE_integer(
    "databases", None, "Simulated databases of each effect, in place of --precision."
)


def main() -> None:
    """Plans what the flags describe."""
    directory = cli.directory_of(_WORKDIR)
    recordings = recording.parse(_LABORATORIES.value, _numbers(_SUBJECTS, int, Whole(1, 500)))
    config = _config(recordings)
    check.settings(config)
    environment.prefer_core_devices()
    # pandas and figures take seconds to import; who asks for help is spared them.
    from ethnicmer_jax.jobs.planning import runner

    with lock.held(directory):
        runner.run(config, recordings, directory)


def _config(recordings: list[Recording]) -> ml_collections.ConfigDict:
    """The config with the flags' own settings in it."""
    config = cli.config_of(_CONFIG)
    calibration = config.calibration
    with config.unlocked():
        calibration.designs = ml_collections.ConfigDict()
        for name, design in recording.designs(recordings, plan_config.STYLES):
            calibration.designs[name] = design
    if _CLIPS.value is not None:
        config.data.simulated.clips_per_subject = _CLIPS.value
    if _EFFECTS.value is not None:
        given = _numbers(_EFFECTS, float, Real(0, 1))
        calibration.effects = tuple(sorted({0.0, *given}))
    calibration.databases = calibration.power_databases = _databases()
    return config


def _databases() -> int:
    if _DATABASES.value is not None:
        settings.check_value("--databases", _DATABASES.value, Whole(1, 1_000_000))
        return _DATABASES.value
    settings.check_value("--precision", _PRECISION.value, Real(0.005, 0.45))
    from ethnicmer_jax.analysis.power import databases_for

    return databases_for(_PRECISION.value)


def _numbers(flag: flags.FlagHolder, kind: type, rule: setting_rules.Rule) -> tuple:
    """The numbers of a list flag.

    Raises:
      UserError: one is no number, or is out of range.
    """
    try:
        made = tuple(map(kind, flag.value))
    except ValueError:
        given = ",".join(flag.value)
        raise UserError(f"--{flag.name}={given}: give numbers, separated by commas") from None
    for number in made:
        settings.check_value(f"--{flag.name}", number, rule)
    return made
