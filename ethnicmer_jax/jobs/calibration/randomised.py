"""The randomisation test of one simulated database, with logistic regression.

Relabellings come in batches that grow, and a test ends once its decision is known: most
databases without an effect need a handful of relabellings, those with one need all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np
from jaxtyping import Float

from ethnicmer_jax.analysis import effects, randomisation
from ethnicmer_jax.analysis.randomisation import Design, RandomisationTest
from ethnicmer_jax.analysis.relabellings import CELLS, Relabellings
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols import relabelling
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.protocols.relabelling import Relabelling
from ethnicmer_jax.protocols.request import Request
from ethnicmer_jax.training.shallow import features, together
from ethnicmer_jax.training.shallow.classifier import Recipe

NOT_RUN: Mapping[str, Any] = {"exact_p": np.nan, "found_exact": False}
"""What is found of a database that is not tested."""

_FIRST = 4
"""Relabellings of the first batch, the groups as they are among them; then twice as many."""


def judge(dataset: Dataset, config: ml_collections.ConfigDict) -> dict[str, Any]:
    """What the test finds: exact_p (NaN where it was not run) and found_exact.

    Args:
      dataset: see `test`.
      config: see `test`.
    """
    found = test(dataset, config)
    return {"exact_p": found.p_value, "found_exact": bool(found.p_value <= effects.ALPHA)}


def test(dataset: Dataset, config: ml_collections.ConfigDict) -> RandomisationTest:
    """Whether the own-group advantage is rare among relabellings within databases.

    Args:
      dataset: of one simulated world.
      config: see configs/calibrate.py; `calibration.relabellings` beside the groups as they are.
    """
    groups = grouping(config.protocol.grouping, config.protocol.get("grouping_custom"))
    everybody = np.ones(len(dataset), bool)
    request = Request(config.protocol, dataset, everybody, groups, (config.seed,))
    planned = config.calibration.relabellings
    stop = randomisation.stop_of_decision(planned)
    design = Design(tuple(relabelling.members(request).values()), planned, stop)
    fitted = _Fitted(dataset, config)
    sums: list[np.ndarray] = []
    values = np.full(1, np.nan)
    for batch in _batches(relabelling.possible(request, planned, config.protocol.draws)):
        tables = [relabelling.rows(one, request, folds=fitted.folds, deals=1) for one in batch]
        sums += fitted.sums(batch, tables)
        values = _values(np.stack(sums), dataset.emotion_names)
        if randomisation.finished(values, design):
            break
    return randomisation.outcome(values, design)


def _values(
    sums: Float[np.ndarray, "relabellings draws 4 classes classes"], classes: Sequence[str]
) -> Float[np.ndarray, " relabellings"]:
    # Of summed probabilities alone: no clip is called anything.
    called = np.zeros(sums.shape, np.int64)
    return Relabellings(np.arange(len(sums)), tuple(classes), called, sums).values()


def _batches(every: Iterable[Relabelling]) -> Iterator[list[Relabelling]]:
    left, size = iter(every), _FIRST
    while batch := list(itertools.islice(left, size)):
        yield batch
        size *= 2


class _Fitted:
    """What models of many folds say of the clips of one data set.

    Attributes:
      folds: K of `protocols.exchange`.
    """

    def __init__(self, dataset: Dataset, config: ml_collections.ConfigDict):
        self.folds = config.calibration.folds
        self._recipe, self._dataset = Recipe.of(config), dataset
        self._features = features.extract(config, dataset, np.array([config.seed])).by_seed

    def sums(self, batch: Sequence[Relabelling], tables: Sequence[FoldTable]) -> list[np.ndarray]:
        """Summed probabilities of each relabelling, float [draws, 4, classes, classes]."""
        classes, seed = len(self._dataset.emotion_names), int(tables[0].seed[0])
        train = np.concatenate([[table.train[k] for k in range(len(table))] for table in tables])
        p = together.probabilities(
            self._recipe, self._features[seed], self._dataset.emotion, train, classes
        )
        ends = np.cumsum([len(table) for table in tables])
        parts = np.split(p, ends[:-1])
        return [self._cells(*each) for each in zip(batch, tables, parts, strict=True)]

    def _cells(self, one: Relabelling, table: FoldTable, p: np.ndarray) -> np.ndarray:
        made = np.zeros((len(one.drawn), len(CELLS), p.shape[2], p.shape[2]))
        truth = np.eye(p.shape[2])[self._dataset.emotion]
        for row in range(len(table)):
            sides = one.drawn[_draw(table, row)].sides
            # A model that learns from a side is tested by its own fold of either.
            trained = int((table.train[row] & sides[1]).any())
            for tested in (0, 1):
                clips = table.test[row] & sides[tested]
                cell = made[_draw(table, row), CELLS.index((trained, tested))]
                cell += truth[clips].T @ p[row, clips]
        return made


def _draw(table: FoldTable, row: int) -> int:
    draw = RunId.parse(str(table.run[row])).draw
    assert draw is not None, "runs of relabellings have draws"
    return draw
