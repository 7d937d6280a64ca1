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

from ethnicmer_jax.base.grouping import Grouping
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.run_id import RunId, crossed, mono
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols.dealing import dealt
from ethnicmer_jax.protocols.fold_table import FoldRow, FoldTable, from_rows

_ON = "on_"


def rows(
    contrast: str,
    sides: tuple[str, str],
    clips: np.ndarray,
    dataset: Dataset,
    *,
    folds: int,
    draw: int,
    seed: int,
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
    """
    people = [len(np.unique(dataset.person[side])) for side in clips]
    count = min(folds, *people)
    fold_of = [dealt(side, dataset.emotion, dataset.person, count, seed) for side in clips]
    tested = np.max(fold_of, axis=0)

    def made() -> Iterator[FoldRow]:
        for name, fold in zip(sides, fold_of, strict=True):
            run = RunId(contrast=contrast, cell=f"{_ON}{name}", draw=draw, seed=seed)
            for k in range(fold.max() + 1):
                train = (fold >= 0) & (fold != k)
                yield run, f"fold{k}", train, tested == k

    return from_rows(made(), len(dataset))


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
