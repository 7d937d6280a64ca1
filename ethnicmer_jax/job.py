"""One job from a config to a report: what `main` runs, callable from Python as well."""

from __future__ import annotations

import pathlib
import time
from typing import Any

import ml_collections

from ethnicmer_jax import metrics, predictions, targets, workdir
from ethnicmer_jax.dataset import Dataset, load
from ethnicmer_jax.predictions import Predictions
from ethnicmer_jax.protocols import Plan, build, fold_file, grouping
from ethnicmer_jax.report import page, summary
from ethnicmer_jax.schema import UserError

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
        used = workdir.read_json(directory / "config.json").get("database")
        workdir.claim(directory, {**config.to_dict(), "database": used})
    if mode != "train":
        _report(config, directory)


def _train(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    engine, plan = _prepared(config, directory)
    table = engine.train(directory)
    _write(config, directory, table, plan.notes, engine.environment())
    engine.clear(directory)


def _train_share(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    engine, _ = _planned(config, ensure_database(config))
    engine.train(directory)
    # A process that leaves long before the others makes JAX give up on all of them.
    while not (directory / "predictions.csv").is_file():
        time.sleep(1)


def _evaluate(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    engine, plan = _prepared(config, directory)
    _write(config, directory, engine.evaluate(directory), plan.notes, engine.environment())


def _prepared(config: ml_collections.ConfigDict, directory: pathlib.Path) -> tuple[Any, Plan]:
    """Everything that can be refused is, before anything is trained."""
    database = ensure_database(config)
    engine, plan = _planned(config, database)
    workdir.claim(directory, _resolved(config, database))
    fold_file.write(directory / "folds.npz", plan.folds, engine.dataset.key)
    summary.print_plan(plan.notes, len(plan.folds), dataset_line(engine.dataset))
    return engine, plan


def _planned(config: ml_collections.ConfigDict, database: pathlib.Path) -> tuple[Any, Plan]:
    # JAX takes seconds to import and is not needed to report.
    from ethnicmer_jax.engine import Engine

    dataset = load(database)
    plan = build(config.protocol, dataset, config.seed)
    labels = targets.build(dataset, config.data.classes, config.model.ethnic_target, plan.grouping)
    return Engine(config, dataset, labels, plan.folds), plan


def _report(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    table = predictions.read(directory / "predictions.csv")
    if (directory / "folds.npz").is_file():
        predictions.check_complete(table, fold_file.expected_rows(directory / "folds.npz"))
    before = directory / "metrics.json"
    known = workdir.read_json(before) if before.is_file() else {}
    _write_metrics(config, directory, table, known.get("notes", ()), known.get("environment", {}))
    summary.print_metrics(workdir.read_json(before), config.name)
    summary.print_report(page.write(directory))


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
    values = metrics.compute(table, members)
    extra = {"grouping": chosen.name, "notes": list(notes), "environment": environment}
    workdir.write_json(directory / "metrics.json", values | extra)


def ensure_database(config: ml_collections.ConfigDict) -> pathlib.Path:
    """The built database that the config asks for; built where it is missing."""
    from data_builders.database import ensure
    from data_builders.pipeline import BuildOptions
    from data_builders.simulation.options import from_mapping

    data = config.data
    options = BuildOptions(
        flow_method=data.flow_method,
        flow_size=data.flow_size,
        image_size=data.image_size,
        detector=data.detector,
    )
    return ensure(
        data.source,
        data.raw,
        pathlib.Path(data.data_dir),
        options,
        from_mapping(data.simulated.to_dict()) if data.source == "simulated" else None,
        pathlib.Path(data.ethnicity) if data.ethnicity else None,
    )


def _resolved(config: ml_collections.ConfigDict, database: pathlib.Path) -> dict[str, Any]:
    """The config as plain data, with the fingerprinted name of the database behind it."""
    return {**config.to_dict(), "database": database.parent.name}


def dataset_line(dataset: Dataset) -> str:
    """How many clips and subjects of which databases, in one line."""
    databases = ", ".join(sorted(set(dataset.database)))
    return f"{len(dataset)} clips of {len(set(dataset.person))} subjects ({databases})"
