"""Nested LOSO: what has to be chosen for a held-out subject is chosen on the other subjects.

To the rows of LOSO come inner rows: for every subject held out, K folds over the subjects
that are left. A setting's inner scores for a subject have not seen that subject, so the
setting that they prefer may be used to predict it (the command `select`). Varma and Simon
(2006, "Bias in error estimation when using cross-validation for model selection") show what
choosing by the outer scores would cost in honesty.
"""

from __future__ import annotations

from collections.abc import Iterator

from ethnicmer_jax.base.run_id import INNER, RunId
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols.dealing import dealt
from ethnicmer_jax.protocols.fold_table import FoldRow, FoldTable, from_rows, leave_one_out
from ethnicmer_jax.protocols.request import Layout, Request


def nested(request: Request) -> Layout:
    """LOSO of every seed, then the inner folds, which have the first seed.

    Raises:
      UserError: `protocol.inner_folds` is too small, or there are too few subjects or clips
        for so many folds.
    """
    dataset, folds = request.dataset, request.protocol.inner_folds
    runs = [RunId(cell="loso", seed=seed) for seed in request.seeds]
    first = leave_one_out(runs[0], dataset.person, request.clips)
    outer = [first.under(run) for run in runs]
    subjects = len(outer[0])
    if not 2 <= folds < subjects:
        raise UserError(
            f"protocol.inner_folds is {folds}; with {subjects} subjects it must be "
            f"2 to {subjects - 1}"
        )
    note = f"LOSO over {subjects} subjects; beside each of them {folds} inner folds over the others"
    inner = from_rows(_inner_rows(outer[0], dataset, folds), len(dataset))
    return Layout([*outer, inner], [note])


def _inner_rows(outer: FoldTable, dataset: Dataset, folds: int) -> Iterator[FoldRow]:
    """Inner folds of every row of LOSO: whole subjects, classes as evenly as these allow."""
    for held_out, pool, seed in zip(outer.fold, outer.train, outer.seed.tolist(), strict=True):
        try:
            fold = dealt(pool, dataset.emotion, dataset.person, folds, seed)
        except ValueError:
            raise UserError(
                f"protocol.inner_folds is {folds}, and without {held_out} every class has "
                "fewer clips"
            ) from None
        run = RunId(job=INNER, cell=str(held_out), seed=seed)
        for number in range(folds):
            test = fold == number
            yield run, f"fold{number}", pool & ~test, test
