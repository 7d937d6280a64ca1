"""Trains the models of many databases together.

The databases of a chunk become one data set and one fold table, so that the engine
compiles once. A fold's random streams follow its name, so that nothing depends on the
company that a database is trained in.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping

import ml_collections
import numpy as np

from ethnicmer_jax.base.grouping import Grouping, grouping
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data import targets
from ethnicmer_jax.data.dataset import Dataset, concatenated
from ethnicmer_jax.jobs import preparation
from ethnicmer_jax.jobs.calibration.worlds import World
from ethnicmer_jax.protocols import contrasts, exchange, study
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.protocols.request import Request


def train(
    worlds: Mapping[World, Dataset], config: ml_collections.ConfigDict
) -> dict[World, Predictions]:
    """Trains the models of all contrasts of all databases.

    Args:
      worlds: simulated databases with their clips.
      config: see configs/calibrate.py.

    Returns:
      The predictions of each, under the run ids of a study.

    Raises:
      UserError: a database is too small for the protocol, or a setting is not possible.
    """
    tables = {world: folds(dataset, world, config) for world, dataset in worlds.items()}
    apart = predicted(tables, worlds, config)
    return {world: exchange.as_cells(apart[world], groups(config)) for world in worlds}


def predicted(
    tables: Mapping[World, FoldTable],
    worlds: Mapping[World, Dataset],
    config: ml_collections.ConfigDict,
) -> dict[World, Predictions]:
    """Trains some folds of each database, all of them together.

    Args:
      tables: the folds of a database, over all its clips.
      worlds: the databases; those without a table are left alone, but keep the data set, and
        so the compiled program, of one size.
      config: see configs/calibrate.py.

    Returns:
      The predictions of each database that has a table, under the names of its folds.
    """
    joint = _together(worlds)
    table = _stacked(tables, worlds).check()
    labels = targets.of_config(config, joint, groups(config), ethnic_labels="annotated")
    trainer = preparation.trainer_class(config.classifier)(config, joint, labels, table)
    predictions = trainer.train()
    assert predictions is not None, "a calibration is no distributed job"
    return dict(_apart(predictions, tables))


def folds(dataset: Dataset, world: World, config: ml_collections.ConfigDict) -> FoldTable:
    """The rows of all contrasts and draws of one database: see `exchange.rows`.

    Raises:
      UserError: a group has too few subjects or classes.
    """
    protocol = config.protocol.copy_and_resolve_references()
    protocol.contrasts = config.calibration.designs[world.design].contrasts
    seeds = range(config.seed, config.seed + protocol.seeds)
    request = Request(protocol, dataset, np.ones(len(dataset), bool), groups(config), seeds)
    tables = []
    for contrast in contrasts.named(request):
        for number, seed in itertools.product(range(contrast.draws), seeds):
            drawn = study.draw(contrast, number, request)
            if drawn is None:
                raise UserError(
                    f"{world.name}: {contrast.name} has no two subjects and classes on a side; "
                    f"give calibration.designs.{world.design} more subjects"
                )
            rows = exchange.rows(
                contrast.name,
                contrast.sides,
                drawn.sides,
                dataset,
                folds=config.calibration.folds,
                draw=number,
                seed=seed,
            )
            tables.append(rows)
    return FoldTable.concatenate(tables)


def groups(config: ml_collections.ConfigDict) -> Grouping:
    """The two groups that are compared."""
    return grouping(config.protocol.grouping, config.protocol.get("grouping_custom"))


def _together(worlds: Mapping[World, Dataset]) -> Dataset:
    """One data set after the other; databases and so persons carry their world's name."""
    named = [
        dataclasses.replace(
            dataset, database=np.array([_within(world, own) for own in dataset.database])
        )
        for world, dataset in worlds.items()
    ]
    return concatenated(named)


def _stacked(tables: Mapping[World, FoldTable], worlds: Mapping[World, Dataset]) -> FoldTable:
    """The tables, each over its own part of the joint data set."""
    total, start, placed = sum(map(len, worlds.values())), 0, []
    for world, dataset in worlds.items():
        place = np.arange(start, start + len(dataset))
        start += len(dataset)
        if table := tables.get(world):
            sets = {name: getattr(table, name).placed(place, total) for name in ("train", "test")}
            run = np.array([_within(world, own) for own in table.run])
            placed.append(dataclasses.replace(table, run=run, **sets))
    return FoldTable.concatenate(placed)


def _apart(
    predictions: Predictions, tables: Mapping[World, FoldTable]
) -> Iterator[tuple[World, Predictions]]:
    """The predictions of each world, with the names they have within it."""
    own = {_within(world, run): run for world, table in tables.items() for run in table.run}
    world_of = {_within(world, run): world for world, table in tables.items() for run in table.run}
    table = predictions.table
    for world, rows in table.groupby(table["run"].map(world_of), sort=False):
        database = rows["database"].str.removeprefix(_within(world, ""))
        rows = rows.assign(run=rows["run"].map(own), database=database)
        yield world, Predictions(rows.reset_index(drop=True))


def _within(world: World, name: str) -> str:
    """What a run or database of a world is called in the joint data set."""
    return f"{world.name}:{name}"
