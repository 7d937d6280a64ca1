"""Nested LOSO: what has to be chosen for a held-out subject is chosen on the other subjects.

To the rows of LOSO come inner rows: for every subject held out, K folds over the subjects
that are left; or, cheaper, for each of a few parts that the subjects are dealt into, K folds over
the other parts. A setting's inner scores for a subject have not seen that subject, so the
setting that they prefer may be used to predict it (the command `select`). Varma and Simon
(2006, "Bias in error estimation when using cross-validation for model selection") show what
choosing by the outer scores would cost in honesty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Bool, Int

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
        for so many folds or parts.
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
    parts = request.protocol.outer_parts
    if parts == 1 or parts > subjects:
        raise UserError(
            f"protocol.outer_parts is {parts}; with {subjects} subjects it must be 0 (each subject "
            f"by itself) or 2 to {subjects}"
        )
    if parts:
        pools = _pools_of_parts(outer[0], dataset, parts)
        beside = f"each of {parts} parts of them"
    else:
        pools = zip(map(str, outer[0].fold), outer[0].train, strict=True)
        beside = "each of them"
    note = f"LOSO over {subjects} subjects; beside {beside} {folds} inner folds over the others"
    inner = from_rows(_inner_rows(pools, dataset, folds, request.seeds[0]), len(dataset))
    return Layout([*outer, inner], [note])


def _pools_of_parts(
    outer: FoldTable, dataset: Dataset, parts: int
) -> Iterator[tuple[str, Bool[np.ndarray, " clips"]]]:
    """Name of each part, and the clips of all subjects that are not of it."""
    clips, seed = outer.test.union(), int(outer.seed[0])
    part = _dealt(clips, dataset, parts, seed, "protocol.outer_parts", "all together")
    for number in range(parts):
        yield f"part{number}", clips & (part != number)


def _dealt(
    clips: Bool[np.ndarray, " clips"],
    dataset: Dataset,
    folds: int,
    seed: int,
    setting: str,
    where: str,
) -> Int[np.ndarray, " clips"]:
    try:
        return dealt(clips, dataset.emotion, dataset.person, folds, seed)
    except ValueError:
        raise UserError(f"{setting} is {folds}, and {where} every class has fewer clips") from None


def _inner_rows(
    pools: Iterable[tuple[str, Bool[np.ndarray, " clips"]]],
    dataset: Dataset,
    folds: int,
    seed: int,
) -> Iterator[FoldRow]:
    """Inner folds of every pool of clips: whole subjects, classes as evenly as these allow."""
    for held_out, pool in pools:
        where = f"without {held_out}"
        fold = _dealt(pool, dataset, folds, seed, "protocol.inner_folds", where)
        run = RunId(job=INNER, cell=held_out, seed=seed)
        for number in range(folds):
            test = fold == number
            yield run, f"fold{number}", pool & ~test, test
