"""Runs the chunks of a calibration that are missing, then its tables and report."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import joblib
import ml_collections
import pandas as pd

from ethnicmer_jax.analysis.calibration import conclusions
from ethnicmer_jax.base import environment, files, stopping
from ethnicmer_jax.base.divergence import DivergedError
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.jobs import check, incomplete, work_directory
from ethnicmer_jax.jobs.calibration import (
    factors,
    findings,
    plan,
    randomised,
    result_files,
    rounds,
    trial,
    worlds,
)
from ethnicmer_jax.jobs.calibration.plan import Chunk
from ethnicmer_jax.jobs.calibration.worlds import World
from ethnicmer_jax.report import calibration_page, console


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
    databases = judged(config, directory)
    rates = result_files.rates(databases, config)
    sides = result_files.side_rates(databases, config)
    result_files.write(directory / result_files.RATES, rates)
    result_files.write(directory / result_files.SIDES, sides)
    result_files.write(directory / result_files.FACTORS, factors.fitted(databases, config))
    _report(rates, sides, directory)
    return rates


def judged(
    config: ml_collections.ConfigDict, directory: pathlib.Path, name: str = "calibration"
) -> pd.DataFrame:
    """Runs what is missing and writes databases.csv.

    Args:
      config: see configs/calibrate.py.
      directory: the calibration's own.
      name: of the progress bar.

    Returns:
      One row per simulated database.

    Raises:
      DivergedError: folds of some chunks have diverged; all other chunks are finished.
      UserError: see `run`.
    """
    check.settings(config)
    check.network(config)
    chunks = plan.chunks(config)
    files.claim(directory, config.to_dict())
    incomplete.clear(directory)
    diverged: list[DivergedError] = []
    total = sum(len(chunk.worlds) for chunk in chunks)
    with Progress[None](name, total=total, unit="database") as progress:
        missing = [chunk for chunk in chunks if not result_files.is_finished(directory, chunk)]
        progress.skip(total - sum(len(chunk.worlds) for chunk in missing))
        for chunk, found in _finish(missing, config, directory):
            progress.update(len(chunk.worlds))
            diverged += [found] if found else []
    if diverged:
        folds = [one for found in diverged for one in found.folds]
        together = DivergedError(folds, sum(found.planned for found in diverged))
        incomplete.write(directory, config.to_dict(), together)
        raise together
    databases = result_files.read(directory, chunks)
    result_files.write(directory / result_files.DATABASES, databases)
    return databases


def _finish(
    chunks: Sequence[Chunk], config: ml_collections.ConfigDict, directory: pathlib.Path
) -> Iterator[tuple[Chunk, DivergedError | None]]:
    """Analyses chunks and writes their files; yields each, with what diverged in it.

    A network has all cores to itself; other classifiers take a chunk on each.
    """
    cores = 1 if config.classifier == "network" else config.engine.devices or joblib.cpu_count()
    parallel = joblib.Parallel(
        n_jobs=min(cores, len(chunks) or 1),
        return_as="generator_unordered",
        initializer=stopping.follow,
        initargs=(os.getpid(),),
    )
    own = config.copy_and_resolve_references()
    own.engine.devices = 1 if config.classifier != "network" else config.engine.devices
    return parallel(joblib.delayed(_finished)(chunk, own, directory) for chunk in chunks)


def _finished(
    chunk: Chunk, config: ml_collections.ConfigDict, directory: pathlib.Path
) -> tuple[Chunk, DivergedError | None]:
    try:
        result_files.write(result_files.path(directory, chunk), analysed(chunk, config))
    except DivergedError as found:
        return chunk, found
    return chunk, None


def analysed(chunk: Chunk, config: ml_collections.ConfigDict) -> pd.DataFrame:
    """Simulates, trains and judges the databases of a chunk; one row each."""
    drawn = {world: worlds.motion_fields(world, config) for world in chunk.worlds}
    predictions = trial.train(drawn, config)
    exact = _randomised(drawn, config)
    rows = [
        {"design": world.design, "effect": world.effect, "number": world.number}
        | findings.judge(predictions[world], config)
        | dict(exact.get(world, randomised.NOT_RUN))
        for world in chunk.worlds
    ]
    work_directory.forget_compiled()
    return pd.DataFrame(rows)


def _randomised(
    drawn: Mapping[World, Dataset], config: ml_collections.ConfigDict
) -> dict[World, dict[str, Any]]:
    """What the randomisation test finds of the databases that get it."""
    wanted = {world: data for world, data in drawn.items() if plan.is_tested(world, config)}
    if config.classifier == "logistic":
        return {world: randomised.judge(data, config) for world, data in wanted.items()}
    return rounds.judge(wanted, config) if wanted else {}


def facts() -> dict[str, object]:
    """Versions, devices and command behind the results."""
    from ethnicmer_jax.training import devices

    return environment.describe([device.device_kind for device in devices.local()])


def _report(rates: pd.DataFrame, sides: pd.DataFrame, directory: pathlib.Path) -> None:
    about = facts()
    console.print_rates(rates)
    console.print_answer(conclusions(rates))
    path = calibration_page.write(rates, sides, about, str(about["command"]), directory)
    console.print_report(path)
