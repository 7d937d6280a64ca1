"""The files at the top of a study: what its report is made from, without jobs or data."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import matching, metrics, probe
from ethnicmer_jax.analysis.action_units import table as action_units
from ethnicmer_jax.analysis.study.exact import ABOUT, TABLE
from ethnicmer_jax.base import files, predictions, sums
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.data import inputs
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.jobs import provenance
from ethnicmer_jax.jobs.study.plan import EXACT, Job
from ethnicmer_jax.protocols import complete, fold_file

_SPLITS = 5
"""Folds over subjects, in which the database is told from the flow."""


def gather(config: ml_collections.ConfigDict, directory: pathlib.Path, jobs: Sequence[Job]) -> None:
    """Copies the results of finished jobs to the top.

    predictions.csv comes last: where it is, all is done. The randomisation test has two files
    of its own, and no predictions.
    """
    for name in (TABLE, ABOUT):
        for job in jobs:
            if job.name == EXACT:
                copied = sums.read(directory / "jobs" / job.name / name)
                files.write_bytes(directory / name, copied, summed=True)
    jobs = [job for job in jobs if job.name != EXACT]
    folders = [directory / "jobs" / job.name for job in jobs]
    renamed = [_renamed(job, folder) for job, folder in zip(jobs, folders, strict=True)]
    table = Predictions.from_table(pd.concat(renamed, ignore_index=True))
    parts = [(folder / "folds.npz", job.run_id) for job, folder in zip(jobs, folders, strict=True)]
    fold_file.concatenate(directory / "folds.npz", parts)
    trained = [directory / "jobs" / job.name for job in jobs if not job.trained_by]
    recorded = [provenance.read(folder) for folder in trained]
    notes = list(dict.fromkeys(note for one in recorded for note in one.notes))
    claimed = files.read_json(directory / "config.json")
    made_by = provenance.begin(directory, claimed, notes, recorded[0].environment)
    write_metrics(config, directory, table, *made_by)
    predictions.write(directory / "predictions.csv", table)


def write_metrics(
    config: ml_collections.ConfigDict,
    directory: pathlib.Path,
    table: Predictions,
    notes: Sequence[str],
    environment: Mapping[str, Any],
) -> dict[str, Any]:
    """What follows from the predictions alone.

    metrics.json holds all runs and the summary of every arm of every contrast and job;
    matching.csv a row for each arm, matching_draws.csv one for each of its draws.

    Returns:
      The content of metrics.json.
    """
    chosen = grouping(config.protocol.grouping, config.protocol.grouping_custom)
    values = {
        **metrics.compute(table, chosen.members),
        "grouping": chosen.name,
        "notes": list(notes),
        "environment": environment,
    }
    files.write_json(directory / "metrics.json", values, summed=True)
    per_draw = matching.table(table)
    for name, frame in (("", matching.summarise(per_draw)), ("_draws", per_draw)):
        files.write_table(directory / f"matching{name}.csv", frame)
    return values


def describe_data(directory: pathlib.Path, dataset: Dataset) -> None:
    """What the report needs to know of the clips.

    action_units.csv, and database_baseline.json: how well the database is told from the
    flow, where there are two of them with subjects enough for cross-validation.
    """
    action_units.write(dataset, directory / "action_units.csv")
    subjects = [
        len(np.unique(dataset.person[dataset.database == name]))
        for name in np.unique(dataset.database)
    ]
    if len(subjects) > 1 and min(subjects) >= _SPLITS:
        _, database = np.unique(dataset.database, return_inverse=True)
        flow = inputs.scaled_flow(dataset.flow, dataset.flow_unit, "minmax")
        found = probe.balanced_accuracy(
            flow, database, dataset.person, kind="svm", n_splits=_SPLITS
        )
        values = {
            "balanced_accuracy": found.estimate,
            "low": found.low,
            "high": found.high,
            "n_subjects": found.n_persons,
        }
        files.write_json(directory / "database_baseline.json", values, summed=True)


def _renamed(job: Job, folder: pathlib.Path) -> pd.DataFrame:
    read = complete.read(folder / complete.PREDICTIONS)
    return read.table.assign(run=read.of_each_run(lambda run: str(job.run_id(run))))
