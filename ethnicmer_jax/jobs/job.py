"""One job from a config to a report: what `main` runs, callable from Python as well."""

from __future__ import annotations

import pathlib
import time
from typing import TYPE_CHECKING, Any

import ml_collections

from ethnicmer_jax.analysis import metrics
from ethnicmer_jax.base import files, predictions
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.jobs import preparation
from ethnicmer_jax.jobs.preparation import Prepared
from ethnicmer_jax.protocols import Plan, fold_file
from ethnicmer_jax.report import console, job

if TYPE_CHECKING:
    from ethnicmer_jax.training.engine import Engine

MODES = ("all", "train", "evaluate", "report")


def run(
    config: ml_collections.ConfigDict,
    directory: pathlib.Path,
    mode: str = "all",
    first: bool = True,
) -> None:
    """Runs a job; what is finished already is not done again.

    Args:
      config: see configs/common.py.
      directory: the work directory.
      mode: "train" stops before the report; "evaluate" predicts again from the
        checkpoints; "report" needs predictions.csv only; "all" does what is missing.
      first: False in the other processes of a distributed job, which only train their
        share of the folds.

    Raises:
      UserError: anything that the user can mend.
    """
    if directory.exists() and not directory.is_dir():
        raise UserError(f"--workdir={directory} is a file; name a directory")
    finished = (directory / "predictions.csv").is_file()
    if not first:
        if mode in ("train", "all") and not finished:
            _train_share(config, directory)
        return
    if mode in ("train", "all") and not finished:
        _train(config, directory)
    elif mode == "evaluate":
        _evaluate(config, directory)
    elif (directory / "config.json").is_file():
        # The database is not needed any more, and may be gone.
        used = files.read_json(directory / "config.json").get("database")
        files.claim(directory, {**config.to_dict(), "database": used})
    if mode != "train":
        _report(config, directory)


def engine(
    config: ml_collections.ConfigDict, directory: pathlib.Path | None = None
) -> tuple[Engine, Plan]:
    """The engine behind a config, and its plan; nothing is trained.

    Args:
      config: of a network, see configs/common.py.
      directory: a work directory that has to belong to this config and its database.

    Raises:
      UserError: a setting is not possible, the classifier is none that has an engine, or
        the directory was used with another config or database.
    """
    preparation.check_network(config)
    prepared = preparation.prepare(config)
    if directory is not None:
        _claim(config, directory, prepared)
    return prepared.trainer, prepared.plan


def recorded(directory: pathlib.Path) -> ml_collections.ConfigDict:
    """The config that a work directory was used with.

    Raises:
      UserError: the directory has no config.json, or a damaged one.
    """
    values = files.read_json(directory / "config.json")
    # It says which database was used; the config says how to build it.
    values.pop("database", None)
    return ml_collections.ConfigDict(values)


def _train(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    prepared = _claimed(config, directory)
    trainer = prepared.trainer
    table = trainer.train(directory)
    _write(config, directory, table, prepared.plan.notes, trainer.environment())
    trainer.clear(directory)


def _train_share(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    # Anything but a network is quick work for the first process alone.
    if config.classifier == "network":
        preparation.prepare(config).trainer.train(directory)
    # A process that leaves long before the others makes JAX give up on all of them.
    while not (directory / "predictions.csv").is_file():
        time.sleep(1)


def _evaluate(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    preparation.check_network(config)
    prepared = _claimed(config, directory)
    trainer = prepared.trainer
    _write(
        config, directory, trainer.evaluate(directory), prepared.plan.notes, trainer.environment()
    )


def _claimed(config: ml_collections.ConfigDict, directory: pathlib.Path) -> Prepared:
    """Everything that can be refused is, before the work directory is touched."""
    prepared = preparation.prepare(config)
    dataset, plan = prepared.trainer.dataset, prepared.plan
    _claim(config, directory, prepared)
    fold_file.write(directory / "folds.npz", plan.folds, dataset.key)
    console.print_plan(plan.notes, len(plan.folds), dataset_line(dataset))
    return prepared


def _claim(config: ml_collections.ConfigDict, directory: pathlib.Path, prepared: Prepared) -> None:
    files.claim(directory, {**config.to_dict(), "database": prepared.database})


def _report(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    table = predictions.read(directory / "predictions.csv")
    if (directory / "folds.npz").is_file():
        predictions.check_complete(table, fold_file.expected_rows(directory / "folds.npz"))
    before = directory / "metrics.json"
    known = files.read_json(before) if before.is_file() else {}
    _write_metrics(config, directory, table, known.get("notes", ()), known.get("environment", {}))
    console.print_metrics(files.read_json(before), config.name)
    console.print_report(job.write(directory))


def _write(
    config: ml_collections.ConfigDict,
    directory: pathlib.Path,
    table: Predictions,
    notes: tuple[str, ...],
    environment: dict[str, Any],
) -> None:
    predictions.write(directory / "predictions.csv", table)
    _write_metrics(config, directory, table, notes, environment)


def _write_metrics(config, directory, table, notes, environment) -> None:
    chosen = grouping(config.protocol.grouping, config.protocol.get("grouping_custom"))
    members = {e: group for group, of in chosen.groups.items() for e in of}
    values = metrics.compute(table.outer(), members)
    extra = {"grouping": chosen.name, "notes": list(notes), "environment": environment}
    files.write_json(directory / "metrics.json", values | extra)


def dataset_line(dataset: Dataset) -> str:
    """How many clips and subjects of which databases, in one line."""
    databases = ", ".join(sorted(set(dataset.database)))
    return f"{len(dataset)} clips of {len(set(dataset.person))} subjects ({databases})"
