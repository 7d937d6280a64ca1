"""Models of either side that are tested by both: the study's matrix for little work.

Subjects of both sides are dealt into K folds. A model is trained on one side less its
k-th fold, and tested by the k-th fold of either side. So the tests of `mono_<a>` and of
`<a>_to_<b>` come from the same models, K for each side. In the study every draw has
models of its own for them, which only the mean over many draws makes as good.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from jaxtyping import Shaped

from ethnicmer_jax.base.grouping import Grouping
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.run_id import RunId, crossed, mono
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols.dealing import dealt
from ethnicmer_jax.protocols.fold_table import FoldRow, FoldTable, from_rows

_ON = "on_"
_BETWEEN_DEALS = 1_000_003
"""Seeds between one deal and the next: further than runs have seeds."""


def rows(
    contrast: str,
    sides: tuple[str, str],
    clips: np.ndarray,
    dataset: Dataset,
    *,
    folds: int,
    draw: int,
    seed: int,
    deal: int = 0,
) -> FoldTable:
    """The 2K folds of one draw; the cells are called `on_<side>`.

    Folds are alike in class. Were they not, a model would lack what its own fold of tests
    has most of, because a side's clips of a class are fixed by matching; the other
    side's models would not, and the own-group advantage would be biased below 0 (by .018
    in UF1 with 16 + 16 subjects dealt into 4 folds at random; with folds alike, by .001).

    Args:
      contrast: its name.
      sides: their names.
      clips: bool [2, n], the clips of either side.
      dataset: n clips.
      folds: K; fewer where a side has fewer subjects.
      draw: number of the draw.
      seed: of the run.
      deal: which of many ways to deal the subjects into folds.
    """
    people = [len(np.unique(dataset.person[side])) for side in clips]
    count = min(folds, *people)
    dealing = seed + _BETWEEN_DEALS * deal
    fold_of = [dealt(side, dataset.emotion, dataset.person, count, dealing) for side in clips]
    tested = np.max(fold_of, axis=0)

    def made() -> Iterator[FoldRow]:
        for name, fold in zip(sides, fold_of, strict=True):
            run = RunId(contrast=contrast, cell=f"{_ON}{name}", draw=draw, seed=seed)
            for k in range(fold.max() + 1):
                train = (fold >= 0) & (fold != k)
                yield run, f"fold{k}", train, tested == k

    return from_rows(made(), len(dataset))


def trained_and_tested(
    predictions: Predictions,
    folds: FoldTable,
    keys: Shaped[np.ndarray, " clips"],
    sides: tuple[str, str],
) -> tuple[Shaped[np.ndarray, " rows"], Shaped[np.ndarray, " rows"]]:
    """The side that each row's model was trained on, and the side that it tests.

    A clip's side is that of its draw: whose models learn from it in another fold.

    Args:
      predictions: of `rows`.
      folds: those rows, and others.
      keys: `database/subject/clip` of each clip that the folds are over.
      sides: names of both.
    """
    other = dict(zip(sides, reversed(sides), strict=True))
    side_of = {f"{_ON}{name}": name for name in sides}
    trained = predictions.of_each_run(lambda run: side_of[run.cell])
    row_of: dict[str, list[int]] = {}
    for row, run in enumerate(folds.run.tolist()):
        row_of.setdefault(run, []).append(row)
    own = {run: set(keys[folds.train.select(row_of[run]).union()]) for run in predictions.runs}
    pairs = zip(predictions.table["run"], predictions.key, strict=True)
    is_own = np.fromiter((key in own[run] for run, key in pairs), bool, len(predictions))
    return trained.to_numpy(), np.where(is_own, trained, trained.map(other))


def as_cells(predictions: Predictions, chosen: Grouping) -> Predictions:
    """The same predictions under the run ids of a study.

    `on_<a>` becomes `mono_<a>` for tests of a and `<a>_to_<b>` for tests of b, the group of
    a clip being that of its ethnicity.

    Args:
      predictions: of `rows`, for contrasts between the groups of `chosen`.
      chosen: the grouping.
    """
    sides = {f"{_ON}{name}": name for name in chosen.names}

    def renamed(run: str, group: str) -> str:
        name = predictions.run_ids[run]
        trained = sides[name.cell]
        cell = mono(group) if group == trained else crossed(trained, group)
        return str(dataclasses.replace(name, cell=cell))

    table = predictions.table
    pairs = list(zip(table["run"], table["ethnicity"].map(chosen.group_of), strict=True))
    names = {pair: renamed(*pair) for pair in dict.fromkeys(pairs)}
    return Predictions(table.assign(run=[names[pair] for pair in pairs]))
