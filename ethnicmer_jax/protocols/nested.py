"""Nested LOSO: what has to be chosen for a held-out subject is chosen on the other subjects.

To the rows of LOSO come inner rows: for every subject held out, K folds over the subjects
that are left. A setting's inner scores for a subject have not seen that subject, so the
setting that they prefer may be used to predict it (the command `select`). Varma and Simon
(2006, "Bias in error estimation when using cross-validation for model selection") show what
choosing by the outer scores would cost in honesty.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import ml_collections
import numpy as np

from ethnicmer_jax.base.grouping import Grouping
from ethnicmer_jax.base.run_id import INNER, RunId
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols.fold_table import FoldTable, from_rows, leave_one_out


def nested(
    protocol: ml_collections.ConfigDict,
    dataset: Dataset,
    clips: np.ndarray,
    chosen: Grouping,
    seeds: Sequence[int],
    notes: list[str],
) -> Iterator[FoldTable]:
    """LOSO of every seed, then the inner folds, which have the first seed.

    Args:
      protocol: `config.protocol`; `inner_folds` is K.
      dataset: n clips.
      clips: bool [n], those that take part.
      chosen: the ethnic grouping, which this protocol does not need.
      seeds: one run of LOSO each.
      notes: one is added.

    Raises:
      UserError: K is too small, or there are too few subjects or clips for K folds.
    """
    del chosen
    runs = [RunId(cell="loso", seed=seed) for seed in seeds]
    outer = [leave_one_out(str(run), dataset.person, clips, run.seed) for run in runs]
    subjects, folds = len(outer[0]), protocol.inner_folds
    if not 2 <= folds < subjects:
        raise UserError(
            f"protocol.inner_folds is {folds}; with {subjects} subjects it must be "
            f"2 to {subjects - 1}"
        )
    notes.append(
        f"LOSO over {subjects} subjects; beside each of them {folds} inner folds over the others"
    )
    yield from outer
    yield from_rows(_inner_rows(outer[0], dataset, folds), len(dataset))


def _inner_rows(
    outer: FoldTable, dataset: Dataset, folds: int
) -> Iterator[tuple[str, str, np.ndarray, np.ndarray, int]]:
    """Inner folds of every row of LOSO: whole subjects, classes as evenly as these allow."""
    # It takes as long to import as everything else that a report needs.
    from sklearn.model_selection import StratifiedGroupKFold

    for held_out, pool, seed in zip(outer.fold, outer.train, outer.seed.tolist(), strict=True):
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        left = np.flatnonzero(pool)
        with warnings.catch_warnings():
            # A class with fewer clips than folds is in some of them only, as it must be.
            warnings.simplefilter("ignore", UserWarning)
            try:
                splits = list(splitter.split(left, dataset.emotion[left], dataset.person[left]))
            except ValueError:
                raise UserError(
                    f"protocol.inner_folds is {folds}, and without {held_out} every class has "
                    "fewer clips"
                ) from None
        run = RunId(job=INNER, cell=held_out, seed=seed)
        for number, (fit, validate) in enumerate(splits):
            train, test = np.zeros_like(pool), np.zeros_like(pool)
            train[left[fit]] = test[left[validate]] = True
            yield str(run), f"fold{number}", train, test, seed
