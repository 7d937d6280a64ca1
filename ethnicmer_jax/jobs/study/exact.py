"""The randomisation test of a study: trains every relabelling, and leaves their confusion matrices.

Relabellings are trained in rounds, each one table of folds. A finished round leaves
`rounds/<its first relabelling>.csv`; a round that was interrupted goes on by its finished
folds. In the end, `relabellings.csv` holds the rows of all rounds, and `relabellings.json` what
could be permuted: the test and its report rerun from these two files. No model and no
prediction is kept.

With `study.exact_stop` the test ends with the round in which it is decided; what was trained
beyond the decision is left out again, so that the files do not depend on the size of rounds.
In a distributed job each process trains its share of every round.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from collections.abc import Sequence

import ml_collections
import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import randomisation, relabellings
from ethnicmer_jax.analysis.randomisation import Design
from ethnicmer_jax.analysis.relabellings import Relabellings
from ethnicmer_jax.analysis.study.exact import ABOUT, TABLE
from ethnicmer_jax.base import files, sums, waiting
from ethnicmer_jax.base.divergence import DivergedError
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.jobs import check, incomplete, preparation, work_directory
from ethnicmer_jax.protocols import Plan, exchange, relabelling
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.protocols.relabelling import Relabelling
from ethnicmer_jax.protocols.request import Request

_ROUND = 400
"""Models in a round: some minutes of work, so that compiling and starting are little of it."""


def run(config: ml_collections.ConfigDict, directory: pathlib.Path, first: bool = True) -> None:
    """Trains what is missing.

    Args:
      config: the job's own.
      directory: its work directory.
      first: False in the other processes of a distributed job.

    Raises:
      DivergedError: folds of a round have diverged; the test goes on there the next time.
      UserError: a setting is not possible, or the directory was used with another config.
    """
    if (directory / TABLE).is_file():
        return
    check.settings(config)
    check.inputs(config)
    check.network(config)
    clips = preparation.read(config)
    if first:
        incomplete.clear(directory)
        work_directory.claim(config, directory, clips.database)
    request = _request(config, clips.dataset)
    design = _design(config, request)
    made = _relabellings(config, request, design)
    try:
        table = _trained(config, request, made, design, directory, first)
    except DivergedError as found:
        if first:
            incomplete.write(directory, config.to_dict(), found, page=False)
        raise
    if first:
        about = {
            "sides": list(request.grouping.names),
            "members": relabelling.members(request),
            "planned": max(0, len(made) - 1),
            "stop": design.stop,
            "statistic": config.study.exact_statistic,
            "folds": config.study.exact_folds,
        }
        files.write_json(directory / ABOUT, about, summed=True)
        files.write_table(directory / TABLE, table, summed=True)


def _request(config: ml_collections.ConfigDict, dataset: Dataset) -> Request:
    chosen = grouping(config.protocol.grouping, config.protocol.get("grouping_custom"))
    databases = tuple(config.protocol.databases)
    clips = np.isin(dataset.database, databases) if databases else np.ones(len(dataset), bool)
    return Request(config.protocol, dataset, clips, chosen, [config.seed])


def _design(config: ml_collections.ConfigDict, request: Request) -> Design:
    members = tuple(relabelling.members(request).values())
    return Design(members, config.study.relabellings, config.study.exact_stop)


def _relabellings(
    config: ml_collections.ConfigDict, request: Request, design: Design
) -> list[Relabelling]:
    """None where no outcome could tell anything: nothing is trained in vain."""
    if not design.possible:
        return []
    wanted, draws = config.study.relabellings, config.study.exact_draws
    return list(relabelling.possible(request, wanted, draws))


def _trained(
    config: ml_collections.ConfigDict,
    request: Request,
    made: Sequence[Relabelling],
    design: Design,
    directory: pathlib.Path,
    first: bool,
) -> pd.DataFrame:
    """The rows of all relabellings that the test takes."""
    design = dataclasses.replace(design, planned=max(0, len(made) - 1))
    settings, sides = config.study, request.grouping.names
    models = 2 * settings.exact_folds * settings.exact_deals * settings.exact_draws
    tables: list[pd.DataFrame] = []
    bar = Progress[None]("exact test", total=len(made), unit="relabelling", hidden=not first)
    with bar as progress:
        size = max(1, _ROUND // models)
        for start in range(0, len(made), size):
            part = made[start : start + size]
            file = directory / "rounds" / f"{part[0].number:06d}.csv"
            if _is_finished(file):
                progress.skip(len(part))
            else:
                _train_round(config, request, part, file, first)
                progress.update(len(part))
            tables.append(relabellings.read(file))
            table = pd.concat(tables, ignore_index=True)
            values = Relabellings.of(table, sides).values(settings.exact_statistic)
            taken = randomisation.taken(values, design)
            if randomisation.finished(values[:taken], design):
                return table[table["relabelling"] <= made[taken - 1].number]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_EMPTY)


_EMPTY = ("relabelling", "draw", "deal", "trained", "tested", "emotion")


def _is_finished(file: pathlib.Path) -> bool:
    """Whether the rows of a round are there; damaged ones are set aside."""
    try:
        return file.exists() and len(relabellings.read(file)) > 0
    except sums.DamagedError:
        sums.set_aside(file, "its relabellings are trained again")
        return False


def _train_round(
    config: ml_collections.ConfigDict,
    request: Request,
    part: Sequence[Relabelling],
    file: pathlib.Path,
    first: bool,
) -> None:
    """Trains some relabellings; the first process writes their rows, the others wait for them."""
    settings, dataset = config.study, request.dataset
    folds = FoldTable.concatenate([
        relabelling.rows(one, request, folds=settings.exact_folds, deals=settings.exact_deals)
        for one in part
    ]).check()  # fmt: skip
    folder, before = file.with_suffix(""), incomplete.stamp(file.parents[1])
    if first or config.classifier not in check.SHALLOW:
        preparation.starting_points(config, dataset, folds)
        trainer = preparation.trainer_of(config, dataset, Plan(folds, request.grouping, ()))
        predictions = trainer.train(folder)
    if not first:
        _await(file, before)
        return
    assert predictions is not None, "every fold tests both sides"
    first_side, second_side = request.grouping.names
    sides = (first_side, second_side)
    cells = exchange.trained_and_tested(predictions, folds, np.asarray(dataset.key), sides)
    files.write_table(file, relabellings.tabulate(predictions, *cells), summed=True)
    shutil.rmtree(folder, ignore_errors=True)


def _await(file: pathlib.Path, before: int | None) -> None:
    """Waits for the rows that the first process writes.

    Raises:
      DivergedError: it has named folds that diverged instead, since diverged.json was as `before`.
    """
    directory = file.parents[1]
    waiting.until(lambda: file.is_file() or incomplete.stamp(directory) not in (None, before))
    if not file.is_file() and (found := incomplete.read(directory)):
        raise found
