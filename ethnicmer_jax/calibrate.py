"""Measures the study's false-alarm rate and power on simulated databases.

python -m ethnicmer_jax.calibrate --workdir=DIR [--databases=N] [--effects=0,0.5,1]

Writes DIR/calibration.csv, databases.csv and report/index.html. The same command goes on
where it was interrupted. A study shows what lies as calibration.csv in its directory.
"""

from __future__ import annotations

import gc
import pathlib
from collections.abc import Sequence

import ml_collections
import pandas as pd
from absl import flags
from ml_collections import config_flags
from rich.console import Console
from tqdm import tqdm

import configs
from ethnicmer_jax import cli, environment, workdir
from ethnicmer_jax.calibration import frames_check, page, plan, results, trial, worlds
from ethnicmer_jax.calibration.plan import Chunk
from ethnicmer_jax.schema import UserError

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
    "check_frames", 0, "Instead, analyse so many databases as motion fields and as drawn frames."
)


def main(argv: Sequence[str]) -> None:
    """Runs the calibration that the flags describe."""
    if len(argv) > 1:
        raise UserError(f"what is {argv[1]!r}? Options begin with --, see --help")
    if not _WORKDIR.value:
        raise UserError("--workdir is needed, see --help")
    config, directory = _config(), pathlib.Path(_WORKDIR.value)
    environment.prefer_core_devices()
    if _CHECK_FRAMES.value:
        frames_check.run(config, _CHECK_FRAMES.value, directory)
    else:
        run(config, directory)


def run(config: ml_collections.ConfigDict, directory: pathlib.Path) -> pd.DataFrame:
    """Runs what is missing and writes tables and report.

    Args:
      config: see configs/calibrate.py.
      directory: the calibration's own.

    Returns:
      The content of calibration.csv.

    Raises:
      UserError: a setting is not possible, or the directory is of another calibration.
    """
    if directory.exists() and not directory.is_dir():
        raise UserError(f"--workdir={directory} is a file; name a directory")
    chunks = plan.chunks(config)
    workdir.claim(directory, config.to_dict())
    total = sum(len(chunk.worlds) for chunk in chunks)
    with tqdm(total=total, unit="database", desc="calibration", disable=None) as bar:
        for chunk in chunks:
            if not results.path(directory, chunk).is_file():
                results.write(results.path(directory, chunk), analysed(chunk, config))
            bar.update(len(chunk.worlds))
    databases = results.read(directory, chunks)
    rates = results.rates(databases, config)
    results.write(directory / results.DATABASES, databases)
    results.write(directory / results.RATES, rates)
    _report(rates, directory)
    return rates


def analysed(chunk: Chunk, config: ml_collections.ConfigDict) -> pd.DataFrame:
    """Simulates, trains and judges the databases of a chunk; one row each."""
    drawn = {world: worlds.motion_fields(world, config) for world in chunk.worlds}
    predictions = trial.train(drawn, config)
    rows = [
        {"design": world.design, "effect": world.effect, "number": world.number}
        | trial.judge(predictions[world], config)
        for world in chunk.worlds
    ]
    _forget_compiled()
    return pd.DataFrame(rows)


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


def _report(rates: pd.DataFrame, directory: pathlib.Path) -> None:
    import jax

    facts = environment.describe([device.device_kind for device in jax.local_devices()])
    console = Console(highlight=False)
    console.print(*page.sentences(rates), sep="\n", soft_wrap=True)
    path = page.write(rates, facts, str(facts["command"]), directory)
    console.print(f"report: {path}", soft_wrap=True)


def _forget_compiled() -> None:
    """Frees what a chunk left in memory: no other chunk has a use for its programs."""
    import jax

    jax.clear_caches()
    gc.collect()


if __name__ == "__main__":
    cli.run(main)
