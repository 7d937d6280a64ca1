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

from ethnicmer_jax import job as job_runner
from ethnicmer_jax import predictions, preparation, workdir
from ethnicmer_jax.protocols import fold_file
from ethnicmer_jax.report import page, summary
from ethnicmer_jax.report.study import page as study_page
from ethnicmer_jax.schema import UserError
from ethnicmer_jax.study import files, jobs
from ethnicmer_jax.study.jobs import Job


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
    chosen = jobs.jobs(config)
    for number, job in enumerate(chosen, start=1):
        began = time.monotonic()
        _run_job(job, config, directory, first)
        if first:
            # Not before the first job has accepted its settings.
            _claim(config, directory, job)
            seconds = time.monotonic() - began
            summary.print_job(job.name, number, len(chosen), seconds)
    if first:
        # Any job will do: all of them are about the same clips.
        prepared = preparation.prepare(chosen[-1].config(config))
        files.describe_data(directory, prepared.trainer.dataset)
        files.gather(config, directory, chosen)


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
    known = workdir.read_json(before) if before.is_file() else {}
    files.write_metrics(
        config, directory, table, known.get("notes", ()), known.get("environment", {})
    )
    summary.print_metrics(_of_whole_databases(workdir.read_json(before)), config.name)
    main = any(run.startswith("ethnicity.") for run in table.runs)
    summary.print_report((study_page if main else page).write(directory))


def _of_whole_databases(metrics: dict[str, Any]) -> dict[str, Any]:
    """metrics.json without the draws, where there is anything else: they are for the report."""
    whole = {run: values for run, values in metrics["runs"].items() if "-draw" not in run}
    return {**metrics, "runs": whole or metrics["runs"]}


def _check_claim(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    """Refuses a directory that was used with another config, before anything is done."""
    if (directory / "config.json").is_file():
        # The database is not needed any more once all is trained, and may be gone.
        used = workdir.read_json(directory / "config.json").get("database")
        workdir.claim(directory, {**config.to_dict(), "database": used})


def _claim(config: ml_collections.ConfigDict, directory: pathlib.Path, job: Job) -> None:
    recorded = workdir.read_json(directory / "jobs" / job.name / "config.json")
    workdir.claim(directory, {**config.to_dict(), "database": recorded["database"]})
