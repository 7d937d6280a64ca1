"""Runs the jobs of a study that are missing, then its report.

Every job has an ordinary work directory, `STUDY/jobs/<job>/`, and is resumed like any
other. When all are done, their predictions are copied into `STUDY/predictions.csv`, from
which metrics and report are made; the jobs' directories are not needed for that.
"""

from __future__ import annotations

import pathlib
import time
from typing import Any

import ml_collections

from ethnicmer_jax.base import files, predictions
from ethnicmer_jax.base.contrast_roles import MAIN
from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import job as job_runner
from ethnicmer_jax.jobs import preparation
from ethnicmer_jax.jobs.study import plan, results
from ethnicmer_jax.jobs.study.plan import Job
from ethnicmer_jax.protocols import fold_file
from ethnicmer_jax.report import console
from ethnicmer_jax.report import job as job_page
from ethnicmer_jax.report.study import page as study_page


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
    chosen = plan.jobs(config)
    for number, job in enumerate(chosen, start=1):
        began = time.monotonic()
        _run_job(job, config, directory, first)
        if first:
            # Not before the first job has accepted its settings.
            _claim(config, directory, job)
            seconds = time.monotonic() - began
            console.print_job(job.name, number, len(chosen), seconds)
    if first:
        # Any job will do: all of them are about the same clips.
        prepared = preparation.prepare(chosen[-1].config(config))
        results.describe_data(directory, prepared.trainer.dataset)
        results.gather(config, directory, chosen)


def _run_job(
    job: Job, config: ml_collections.ConfigDict, directory: pathlib.Path, first: bool
) -> None:
    where = directory / "jobs" / job.name
    if not job.trained_by:
        job_runner.run(job.config(config), where, "train", first)
    elif first and not (where / "predictions.csv").is_file():
        engine, plan = job_runner.engine(job.config(config), where)
        table = engine.evaluate(directory / "jobs" / job.trained_by)
        fold_file.write(where / "folds.npz", plan.folds, engine.dataset.key)
        predictions.write(where / "predictions.csv", table)


def _report(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    table = predictions.read(directory / "predictions.csv")
    if (directory / "folds.npz").is_file():
        predictions.check_complete(table, fold_file.expected_rows(directory / "folds.npz"))
    before = directory / "metrics.json"
    known = files.read_json(before) if before.is_file() else {}
    results.write_metrics(
        config, directory, table, known.get("notes", ()), known.get("environment", {})
    )
    console.print_metrics(_of_whole_databases(files.read_json(before)), config.name)
    main = any(run.contrast == MAIN for run in table.run_ids.values())
    console.print_report((study_page if main else job_page).write(directory))


def _of_whole_databases(metrics: dict[str, Any]) -> dict[str, Any]:
    """metrics.json without the draws, where there is anything else: they are for the report."""
    runs = metrics["runs"].items()
    whole = {run: values for run, values in runs if RunId.parse(run).draw is None}
    return {**metrics, "runs": whole or metrics["runs"]}


def _check_claim(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    """Refuses a directory that was used with another config, before anything is done."""
    if (directory / "config.json").is_file():
        # The database is not needed any more once all is trained, and may be gone.
        used = files.read_json(directory / "config.json").get("database")
        files.claim(directory, {**config.to_dict(), "database": used})


def _claim(config: ml_collections.ConfigDict, directory: pathlib.Path, job: Job) -> None:
    recorded = files.read_json(directory / "jobs" / job.name / "config.json")
    files.claim(directory, {**config.to_dict(), "database": recorded["database"]})
