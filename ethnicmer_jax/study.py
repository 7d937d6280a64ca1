"""A study: a list of ordinary jobs, and one report over the predictions of all of them.

Every job has an ordinary work directory, `STUDY/jobs/<job>/`, and is resumed like any
other. When all are done, their predictions are copied into `STUDY/predictions.csv`, from
which metrics and report are made; the jobs' directories are not needed for that.
"""

from __future__ import annotations

import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import pandas as pd

from ethnicmer_jax import job as jobs_runner
from ethnicmer_jax import metrics, predictions, study_jobs, workdir
from ethnicmer_jax.predictions import Predictions
from ethnicmer_jax.protocols import fold_file, grouping, matching
from ethnicmer_jax.report import page, summary
from ethnicmer_jax.schema import UserError
from ethnicmer_jax.study_jobs import Job


def run(
    config: ml_collections.ConfigDict,
    directory: pathlib.Path,
    mode: str = "all",
    first: bool = True,
) -> None:
    """Runs a study; what is finished already is not done again.

    Args:
      config: see configs/study.py.
      directory: the study's directory.
      mode: "train" stops before the report; "report" needs predictions.csv only; "all"
        does what is missing.
      first: False in the other processes of a distributed job, which only train.

    Raises:
      UserError: anything that the user can mend.
    """
    if directory.exists() and not directory.is_dir():
        raise UserError(f"--workdir={directory} is a file; name a directory")
    if mode == "evaluate":
        raise UserError(
            "a study keeps no checkpoints of its draws; make its report again with "
            f"--mode=report, or evaluate one of the jobs in {directory / 'jobs'}"
        )
    _check_claim(config, directory)
    if mode != "report" and not (directory / "predictions.csv").is_file():
        _train(config, directory, first)
    if mode != "train" and first:
        _report(config, directory)


def _train(config: ml_collections.ConfigDict, directory: pathlib.Path, first: bool) -> None:
    jobs = study_jobs.jobs(config)
    for number, job in enumerate(jobs, start=1):
        began = time.monotonic()
        _run_job(job, config, directory, first)
        if first:
            # Not before the first job has accepted its settings.
            _claim(config, directory, job)
            seconds = time.monotonic() - began
            summary.print_job(job.name, number, len(jobs), seconds)
    if first:
        _gather(config, directory, jobs)


def _run_job(
    job: Job, config: ml_collections.ConfigDict, directory: pathlib.Path, first: bool
) -> None:
    where = directory / "jobs" / job.name
    if not job.trained_by:
        jobs_runner.run(job.config(config), where, "train", first)
    elif first and not (where / "predictions.csv").is_file():
        engine, plan = jobs_runner.engine(job.config(config), where)
        table = engine.evaluate(directory / "jobs" / job.trained_by)
        fold_file.write(where / "folds.npz", plan.folds, engine.dataset.key)
        predictions.write(where / "predictions.csv", table)


def _gather(
    config: ml_collections.ConfigDict, directory: pathlib.Path, jobs: Sequence[Job]
) -> None:
    """Copies the jobs' results to the top, predictions.csv last: it says that all is done."""
    folders = [directory / "jobs" / job.name for job in jobs]
    renamed = [_renamed(job, folder) for job, folder in zip(jobs, folders, strict=True)]
    table = Predictions.from_table(pd.concat(renamed, ignore_index=True))
    parts = [(folder / "folds.npz", job.run_id) for job, folder in zip(jobs, folders, strict=True)]
    fold_file.concatenate(directory / "folds.npz", parts)
    trained = [directory / "jobs" / job.name for job in jobs if not job.trained_by]
    recorded = [workdir.read_json(folder / "metrics.json") for folder in trained]
    notes = [note for values in recorded for note in values["notes"]]
    _write_metrics(config, directory, table, notes, recorded[0]["environment"])
    predictions.write(directory / "predictions.csv", table)


def _renamed(job: Job, folder: pathlib.Path) -> pd.DataFrame:
    table = predictions.read(folder / "predictions.csv").table
    return table.assign(run=table["run"].map(job.run_id))


def _report(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    table = predictions.read(directory / "predictions.csv")
    if (directory / "folds.npz").is_file():
        predictions.check_complete(table, fold_file.expected_rows(directory / "folds.npz"))
    before = directory / "metrics.json"
    known = workdir.read_json(before) if before.is_file() else {}
    _write_metrics(config, directory, table, known.get("notes", ()), known.get("environment", {}))
    summary.print_metrics(workdir.read_json(before), config.name)
    summary.print_report(page.write(directory))


def _write_metrics(
    config: ml_collections.ConfigDict,
    directory: pathlib.Path,
    table: Predictions,
    notes: Sequence[str],
    environment: Mapping[str, Any],
) -> None:
    """metrics.json of all runs, with a summary of the pooled ones; and matching.csv."""
    chosen = grouping(config.protocol.grouping, config.protocol.grouping_custom)
    members = {e: group for group, of in chosen.groups.items() for e in of}
    values = metrics.compute(table, members)
    pooled = table.table["run"].str.startswith(f"{study_jobs.POOLED}.")
    if pooled.any():
        values["summary"] = metrics.summary(table.select(pooled))
    extra = {"grouping": chosen.name, "notes": list(notes), "environment": environment}
    workdir.write_json(directory / "metrics.json", values | extra)
    workdir.write_text(directory / "matching.csv", matching.table(table).to_csv(index=False))


def _check_claim(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    """Refuses a directory that was used with another config, before anything is done."""
    if (directory / "config.json").is_file():
        # The database is not needed any more once all is trained, and may be gone.
        used = workdir.read_json(directory / "config.json").get("database")
        workdir.claim(directory, {**config.to_dict(), "database": used})


def _claim(config: ml_collections.ConfigDict, directory: pathlib.Path, job: Job) -> None:
    recorded = workdir.read_json(directory / "jobs" / job.name / "config.json")
    workdir.claim(directory, {**config.to_dict(), "database": recorded["database"]})
