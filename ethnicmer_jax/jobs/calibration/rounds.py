"""The randomisation test of many databases with any classifier: relabellings trained in rounds.

A round trains the next relabellings of the databases that are still open, all in one table
of folds over one data set. As databases are decided, the others take more relabellings a round,
so that rounds stay of one size and few programs are compiled. `randomised` does the same for
one database and logistic regression, in less time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import ml_collections
import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import randomisation, relabellings
from ethnicmer_jax.analysis.effects import ALPHA
from ethnicmer_jax.analysis.randomisation import Design, RandomisationTest
from ethnicmer_jax.analysis.relabellings import Relabellings
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.jobs.calibration import trial
from ethnicmer_jax.jobs.calibration.worlds import World
from ethnicmer_jax.protocols import exchange, relabelling
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.protocols.relabelling import Relabelling
from ethnicmer_jax.protocols.request import Request


def judge(
    worlds: Mapping[World, Dataset], config: ml_collections.ConfigDict
) -> dict[World, dict[str, Any]]:
    """What the test finds of each database: see `randomised.judge`."""
    return {
        world: {"exact_p": test.p_value, "found_exact": bool(test.p_value <= ALPHA)}
        for world, test in tests(worlds, config).items()
    }


def tests(
    worlds: Mapping[World, Dataset], config: ml_collections.ConfigDict
) -> dict[World, RandomisationTest]:
    """The randomisation test of each database.

    Raises:
      UserError: a database has too few subjects, or a setting is not possible.
    """
    going = {world: _Test(dataset, config) for world, dataset in worlds.items()}
    with Progress[None]("exact tests", total=len(going), unit="database") as progress:
        while unfinished := [world for world, one in going.items() if not one.finished]:
            at_once = max(1, len(going) // len(unfinished))
            tables = {world: going[world].next_folds(at_once) for world in unfinished}
            made = trial.predicted(tables, worlds, config)
            for world in unfinished:
                going[world].add(made[world], tables[world])
                progress.update(going[world].finished)
    return {world: one.outcome() for world, one in going.items()}


class _Test:
    """The test of one database, as far as it has got."""

    def __init__(self, dataset: Dataset, config: ml_collections.ConfigDict):
        settings = config.calibration
        everything = np.ones(len(dataset), bool)
        self._settings, self._dataset = settings, dataset
        self._request = Request(
            config.protocol, dataset, everything, trial.groups(config), [config.seed]
        )
        members = tuple(relabelling.members(self._request).values())
        stop = randomisation.stop_of_decision(settings.relabellings)
        self._design = Design(members, settings.relabellings, stop)
        draws = config.protocol.draws
        possible = relabelling.possible(self._request, settings.relabellings, draws)
        # One is looked at ahead, to know whether any is left.
        self._left: Iterator[Relabelling] = possible
        self._ahead = list(itertools.islice(possible, 1))
        self._tables: list[pd.DataFrame] = []
        self.finished = not (self._design.possible and self._ahead)

    def next_folds(self, count: int) -> FoldTable:
        """The folds of the next relabellings; the groups as they are go with the first of them."""
        wanted = list(itertools.islice(self._left, count - 1 + (not self._tables)))
        wanted, self._ahead = self._ahead + wanted, list(itertools.islice(self._left, 1))
        return FoldTable.concatenate([
            relabelling.rows(
                one, self._request, folds=self._settings.folds, deals=1
            )
            for one in wanted
        ])  # fmt: skip

    def add(self, predictions: Predictions, folds: FoldTable) -> None:
        """Takes in what those folds predicted."""
        first, second = self._request.grouping.names
        cells = exchange.trained_and_tested(predictions, folds, self._dataset.key, (first, second))
        self._tables.append(relabellings.tabulate(predictions, *cells))
        decided = randomisation.finished(self._values(), self._design)
        self.finished = decided or not self._ahead

    def outcome(self) -> RandomisationTest:
        """The test; not run where the groups as they are could not be drawn or tested."""
        values = self._values() if self._tables else np.array([np.nan])
        return randomisation.outcome(values, self._design)

    def _values(self) -> np.ndarray:
        table = pd.concat(self._tables, ignore_index=True)
        found = Relabellings.of(table, self._request.grouping.names)
        return found.values()
