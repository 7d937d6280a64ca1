"""One job from a config to a report: what `main` runs, callable from Python as well."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ml_collections
import pandas as pd

from ethnicmer_jax.analysis import metrics
from ethnicmer_jax.base import environment, files, labels, lock, predictions, reportable, waiting
from ethnicmer_jax.base.divergence import DivergedError
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.recorded_config import grouping_of
from ethnicmer_jax.base.run_id import ALL
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.jobs import (
    check,
    final_models,
    incomplete,
    preparation,
    provenance,
    work_directory,
)
from ethnicmer_jax.jobs.preparation import Prepared
from ethnicmer_jax.protocols import Plan, fold_file, network_file
from ethnicmer_jax.protocols.network_file import Networks
from ethnicmer_jax.report import console

if TYPE_CHECKING:
    from ethnicmer_jax.training.engine import Engine


def run(
    config: ml_collections.ConfigDict,
    directory: pathlib.Path,
    mode: str = "all",
    first: bool = True,
) -> None:
    """Runs a job; see `jobs.run`, which refuses wrong settings beforehand."""
    if mode in ("evaluate", "report") and config.protocol.name == ALL:
        raise UserError(f"--mode={mode}: {work_directory.no_scores(directory)}")
    finished = _last_file(config, directory).is_file()
    if not first:
        if mode in ("train", "all") and not finished:
            _train_share(config, directory)
        return
    if mode in ("train", "all") and not finished:
        with lock.held(directory):
            # Whoever had it before may have come to the end.
            if not _last_file(config, directory).is_file():
                _train(config, directory, page=mode == "all")
    elif mode == "evaluate":
        with lock.held(directory):
            _evaluate(config, directory)
    else:
        work_directory.check_claim(config, directory)
    if config.protocol.name == ALL:
        console.print_line(f"final models: {directory / final_models.FILE_NAME}")
    elif mode != "train":
        report(config, directory)


def engine(
    config: ml_collections.ConfigDict,
    directory: pathlib.Path | None = None,
    images: Collection[str] = (),
) -> tuple[Engine, Plan]:
    """The engine behind a config, and its plan; nothing is trained.

    Args:
      config: of a network, see configs/common.py.
      directory: a work directory that has to belong to this config and its database.
      images: which of `dataset.IMAGES` are held beside those that the model sees.

    Raises:
      UserError: a setting is not possible, the classifier is none that has an engine, or
        the directory was used with another config or database.
    """
    check.has_checkpoints(config)
    prepared = preparation.prepare(config, images)
    if directory is not None:
        work_directory.claim(config, directory, prepared.database, prepared.starts)
    return _engine_of(prepared), prepared.plan


def report(config: Mapping[str, Any], directory: pathlib.Path) -> None:
    """Writes metrics.json and report/ from predictions.csv, and prints the scores.

    Args:
      config: of the work directory; only its name and grouping are used.
      directory: the work directory.

    Raises:
      DivergedError: folds have diverged, and no predictions.csv was written; the report says so.
      UserError: predictions.csv is missing, damaged or lacks rows.
    """
    if found := work_directory.diverged(directory):
        incomplete.report(directory, config, found)
        raise found
    # What draws takes a second to import, and training comes first.
    from ethnicmer_jax.analysis import habit
    from ethnicmer_jax.report import job_page

    finished = work_directory.read(directory)
    values = _write_metrics(config, directory, *finished)
    console.print_metrics(values, config["name"])
    if finished.table.not_reportable:
        for sentence in habit.sentences(finished.table):
            console.print_line(sentence)
    console.print_curves(directory)
    console.print_report(job_page.write(directory))


def write_derived(
    directory: pathlib.Path,
    config: Mapping[str, Any],
    table: Predictions,
    notes: Sequence[str],
    *,
    beside: Mapping[str, pd.DataFrame] | None = None,
    overwrite: bool = False,
) -> None:
    """Writes the work directory of predictions that other jobs left, and its report.

    Args:
      directory: the work directory.
      config: plain data, with the fields `name` and `protocol`.
      table: the predictions.
      notes: what the reader of the report has to know, one sentence each.
      beside: file name -> a table that is written as well.
      overwrite: whether other predictions of that kind may be replaced.

    Raises:
      UserError: there are other results in the directory, or another process works there.
    """
    tables = beside or {}
    with lock.held(directory):
        if not overwrite or not work_directory.holds_derived(directory):
            work_directory.check_replaceable(directory, config, table, tables)
        for name, content in tables.items():
            files.write_table(directory / name, content, summed=True)
        files.write_json(directory / "config.json", dict(config), summed=True)
        made_by = {"command": environment.command(), "code": environment.code()}
        recorded = provenance.begin(directory, config, notes, made_by, anew=True)
        _write_metrics(config, directory, table, *recorded)
        predictions.write(directory / "predictions.csv", table)
        report(config, directory)


def dataset_line(dataset: Dataset) -> str:
    """How many clips and subjects of which databases, in one line."""
    databases = ", ".join(map(labels.database, sorted(set(dataset.database))))
    return f"{len(dataset)} clips of {len(set(dataset.person))} subjects ({databases})"


def _last_file(config: ml_collections.ConfigDict, directory: pathlib.Path) -> pathlib.Path:
    """What is written last: where it is, all is done."""
    name = final_models.FILE_NAME if config.protocol.name == ALL else "predictions.csv"
    return directory / name


def _train(config: ml_collections.ConfigDict, directory: pathlib.Path, page: bool) -> None:
    prepared = _claimed(config, directory)
    incomplete.clear(directory)
    try:
        table = prepared.trainer.train(directory)
    except DivergedError as found:
        incomplete.write(directory, config, found, page=page)
        raise
    if table is None:
        from ethnicmer_jax.report import model_card

        _write_final(config, directory, prepared, {})
        final = files.read_json(directory / final_models.FILE_NAME)
        model_card.write(directory, config.to_dict(), {}, final, None)
    else:
        _write(config, directory, prepared, table)
    prepared.trainer.clear(directory)


def _train_share(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    # What an earlier start has left there does not say how this one ends.
    before = incomplete.stamp(directory)
    if config.classifier not in check.SHALLOW:
        preparation.prepare(config).trainer.train(directory)
    else:
        # Once there is a database, anything else is quick work for the first process alone.
        preparation.built(config)
    # What comes next in a study may need what the first process makes of this job.
    last = _last_file(config, directory)
    waiting.until(lambda: last.is_file() or incomplete.stamp(directory) not in (None, before))
    if not last.is_file() and (found := incomplete.read(directory)):
        raise found


def _evaluate(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    check.has_checkpoints(config)
    reportable.refuse(directory, "--mode=evaluate")
    if not (directory / "checkpoints").is_dir():
        raise UserError(
            f"{directory} has no checkpoints; train with --config.checkpoint.keep=final"
        )
    prepared = _claimed(config, directory)
    _write(config, directory, prepared, _engine_of(prepared).evaluate(directory))


def _engine_of(prepared: Prepared) -> Engine:
    """The trainer of a config that `check.has_checkpoints` has let through."""
    from ethnicmer_jax.training.engine import Engine

    assert isinstance(prepared.trainer, Engine), "networks alone have checkpoints"
    return prepared.trainer


def _claimed(config: ml_collections.ConfigDict, directory: pathlib.Path) -> Prepared:
    """Everything that can be refused is, before the work directory is touched."""
    prepared = preparation.prepare(config)
    dataset, plan = prepared.trainer.dataset, prepared.plan
    recorded = work_directory.claim(config, directory, prepared.database, prepared.starts)
    provenance.begin(directory, recorded, prepared.plan.notes, prepared.trainer.environment())
    fold_file.write(directory / "folds.npz", plan.folds, dataset.key)
    _write_networks(config, directory, prepared)
    console.print_plan(plan.notes, len(plan.folds.tested), dataset_line(dataset))
    if reason := reportable.fault(config.to_dict()):
        console.print_line(reportable.marked(reason))
    return prepared


def _write_networks(
    config: ml_collections.ConfigDict, directory: pathlib.Path, prepared: Prepared
) -> None:
    """Which models there will be to predict with; nothing where none is kept."""
    folds, dataset = prepared.plan.folds, prepared.trainer.dataset
    if config.classifier not in check.SHALLOW and config.checkpoint.keep == "none":
        folds = folds.select(final_models.final_rows(folds))
    if len(folds):
        networks = Networks.of(folds, dataset, prepared.start_taught)
        network_file.write(directory / network_file.FILE_NAME, networks)


def _write(
    config: ml_collections.ConfigDict,
    directory: pathlib.Path,
    prepared: Prepared,
    table: Predictions,
) -> None:
    """The results; predictions.csv comes last: where it is, all is done."""
    values = _write_metrics(config, directory, table, *provenance.read(directory))
    _write_final(config, directory, prepared, values["summary"])
    predictions.write(directory / "predictions.csv", table)


def _write_final(
    config: ml_collections.ConfigDict,
    directory: pathlib.Path,
    prepared: Prepared,
    summary: Mapping[str, Any],
) -> None:
    about = (prepared.plan.folds, prepared.trainer.dataset, prepared.database)
    made_by = provenance.read(directory).environment
    final_models.write(directory, config, *about, summary, made_by)


def _write_metrics(
    config: Mapping[str, Any],
    directory: pathlib.Path,
    table: Predictions,
    notes: Sequence[str],
    environment: Mapping[str, Any],
) -> dict[str, Any]:
    chosen = grouping_of({"protocol": dict(config["protocol"])})
    if chosen is None:
        raise UserError(f"{directory / 'config.json'} names no grouping; bring back a copy of it")
    values = metrics.compute(table.outer(), chosen.members)
    extra = {"grouping": chosen.name, "notes": list(notes), "environment": dict(environment)}
    files.write_json(directory / "metrics.json", values | extra, summed=True)
    return values
