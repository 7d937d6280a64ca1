"""A calibration of planned recordings: their power, and the smallest effect each would find."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import joblib
import ml_collections
import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import power
from ethnicmer_jax.base import labels
from ethnicmer_jax.jobs.calibration import plan, result_files, runner
from ethnicmer_jax.jobs.planning.recording import Recording
from ethnicmer_jax.report import console, plan_page

POWER, DETECTABLE = "power.csv", "detectable.csv"

_SECONDS_OF_CLIP = 0.006
"""Of one core for one clip of one database: drawing it, and fitting models to it."""


def run(
    config: ml_collections.ConfigDict, recordings: Sequence[Recording], directory: pathlib.Path
) -> pd.DataFrame:
    """Simulates what is missing, then writes power.csv, detectable.csv and the page.

    Args:
      config: with the recordings' designs; see configs/plan.py.
      recordings: from `recording.parse`.
      directory: the plan's own.

    Returns:
      One row per recording: series, n, and the fields of `power.Detectable`.

    Raises:
      UserError: a setting is not possible, or the directory is of another plan.
    """
    console.print_line(_beforehand(config, recordings))
    databases = runner.judged(config, directory, "plan")
    rates = _power(databases, config)
    result_files.write(directory / POWER, rates)
    found = _detectable(rates, recordings)
    result_files.write(directory / DETECTABLE, found)
    path = plan_page.write(rates, found, runner.facts(), directory)
    console.print_rates(rates)
    console.print_answer(power.sentences(rates))
    console.print_report(path)
    return found


def _power(databases: pd.DataFrame, config: ml_collections.ConfigDict) -> pd.DataFrame:
    """The rates of the randomisation test, or of the interval where it was not asked for."""
    if config.calibration.relabellings:
        databases = databases.assign(found=databases["found_exact"], exact_p=np.nan)
    return result_files.rates(databases, config)


def _detectable(rates: pd.DataFrame, recordings: Sequence[Recording]) -> pd.DataFrame:
    rows = []
    for recording in recordings:
        found = power.detectable(rates[rates["series"] == recording.label])
        rows.append({"series": recording.label, "n": recording.n, **vars(found)})
    return pd.DataFrame(rows)


def _beforehand(config: ml_collections.ConfigDict, recordings: Sequence[Recording]) -> str:
    """What is going to be simulated, and about how long it takes."""
    worlds = [world for chunk in plan.chunks(config) for world in chunk.worlds]
    subjects = {r.key: sum(sum(lab.subjects) for lab in r.laboratories) for r in recordings}
    clips = sum(subjects[world.design] for world in worlds)
    clips = clips * config.data.simulated.clips_per_subject
    cores = config.engine.devices or joblib.cpu_count()
    minutes = max(1, round(_SECONDS_OF_CLIP * clips / 60 / cores))
    shown = ", ".join(labels.compact(effect) for effect in sorted(set(config.calibration.effects)))
    about = f"{len(worlds):,} simulated databases (effects {shown})"
    if config.classifier == "network":
        return f"{about}; a network takes many times the {minutes} min of logistic regression"
    return f"{about}; about {minutes} min on {cores} cores that are idle"
