"""Runs the jobs of a study that are missing, then its report.

Every job has an ordinary work directory, `STUDY/jobs/<job>/`, and is resumed like any
other. When all are done, their predictions are copied into `STUDY/predictions.csv`, from
which metrics and report are made; the jobs' directories are not needed for that.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections

from ethnicmer_jax.base import files, lock, predictions
from ethnicmer_jax.base.contrast_roles import MAIN
from ethnicmer_jax.base.divergence import DivergedError
from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import incomplete, preparation, work_directory
from ethnicmer_jax.jobs import job as job_runner
from ethnicmer_jax.jobs.study import exact, plan, result_files
from ethnicmer_jax.jobs.study.plan import EXACT, Job
from ethnicmer_jax.protocols import fold_file
from ethnicmer_jax.report import console, html_page, job_page
from ethnicmer_jax.report import files as report_files
from ethnicmer_jax.report.study import page as study_page


def run(
    config: ml_collections.ConfigDict,
    directory: pathlib.Path,
    mode: str = "all",
    first: bool = True,
) -> None:
    """Runs a study; see `jobs.run`, which refuses wrong settings beforehand."""
    if mode == "evaluate":
        raise UserError(
            "a study keeps no checkpoints of its draws; make its report again with "
            f"--mode=report, or evaluate one of the jobs in {directory / 'jobs'}"
        )
    work_directory.check_claim(config, directory)
    if mode != "report" and not (directory / "predictions.csv").is_file():
        with lock.held(directory) if first else contextlib.nullcontext():
            _train(config, directory, first, page=mode == "all")
    if mode != "train" and first:
        _report(config, directory)


def _train(
    config: ml_collections.ConfigDict, directory: pathlib.Path, first: bool, page: bool
) -> None:
    chosen = plan.jobs(config)
    if first:
        incomplete.clear(directory)
    diverged: dict[str, DivergedError] = {}
    for number, job in enumerate(chosen, start=1):
        began = time.monotonic()
        if job.trained_by in diverged:
            continue
        try:
            _run_job(job, config, directory, first)
        except DivergedError as found:
            # The other jobs go on: the next start has less to do.
            diverged[job.name] = found
        if first:
            # Not before the first job has accepted its settings.
            recorded = files.read_json(directory / "jobs" / job.name / "config.json")
            work_directory.claim(config, directory, recorded.get("database"))
            seconds = time.monotonic() - began
            if job.name not in diverged:
                console.print_job(job.name, number, len(chosen), seconds)
    if diverged:
        together = _together(diverged, chosen)
        if first:
            incomplete.write(directory, config.to_dict(), together, page=page)
        raise together
    if first:
        result_files.describe_data(directory, preparation.read(config).dataset)
        result_files.gather(config, directory, chosen)


def _together(diverged: Mapping[str, DivergedError], jobs: Sequence[Job]) -> DivergedError:
    """The folds of several jobs, under what their runs are called in the study."""
    folds = [
        dataclasses.replace(one, run=str(job.run_id(RunId.parse(one.run))))
        for job in jobs
        if job.name in diverged
        for one in diverged[job.name].folds
    ]
    return DivergedError(folds, sum(found.planned for found in diverged.values()))


def _run_job(
    job: Job, config: ml_collections.ConfigDict, directory: pathlib.Path, first: bool
) -> None:
    where = directory / "jobs" / job.name
    if job.name == EXACT:
        exact.run(job.config(config), where, first)
    elif not job.trained_by:
        job_runner.run(job.config(config), where, "train", first)
    elif first and not (where / "predictions.csv").is_file():
        engine, plan = job_runner.engine(job.config(config), where)
        table = engine.evaluate(directory / "jobs" / job.trained_by)
        fold_file.write(where / "folds.npz", plan.folds, engine.dataset.key)
        predictions.write(where / "predictions.csv", table)


def _report(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    if found := work_directory.diverged(directory):
        incomplete.report(directory, config.to_dict(), found)
        raise found
    finished = work_directory.read(directory)
    values = result_files.write_metrics(config, directory, *finished)
    console.print_metrics(_of_whole_databases(values), config.name)
    console.print_curves(directory)
    if any(run.contrast == MAIN for run in finished.table.run_ids.values()):
        page = study_page.build(report_files.read(directory), directory)
        console.print_report(html_page.save(page, directory / "report"))
        console.print_answer(page.said)
    else:
        console.print_report(job_page.write(directory))


def _of_whole_databases(metrics: dict[str, Any]) -> dict[str, Any]:
    """metrics.json without the draws, where there is anything else: they are for the report."""
    whole = {
        run: values for run, values in metrics["runs"].items() if RunId.parse(run).draw is None
    }
    arms = {RunId.parse(run).arm for run in whole}
    summary = {arm: scores for arm, scores in metrics["summary"].items() if arm in arms}
    return {**metrics, "runs": whole, "summary": summary} if whole else metrics
