"""The train × test matrix of databases: what the protocol cross_database is run for."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from ethnicmer_jax.analysis.confusion import SCORES
from ethnicmer_jax.base.run_id import RunId, databases_of


def matrix(arms: pd.DataFrame) -> pd.DataFrame:
    """The arms that are cells of the matrix.

    Args:
      arms: rows of `results.part_scores`, one for each arm.

    Returns:
      Columns train, test (databases), n_subjects, n_clips, and each score with its interval;
      in order of train, then test. No rows where no arm trains on one database and tests
      another.
    """
    cells = {str(arm): databases_of(RunId.parse(str(arm)).cell) for arm in arms["arm"]}
    kept = (
        "n_subjects",
        "n_clips",
        *(f"{s}{end}" for s in SCORES for end in ("", "_low", "_high")),
    )
    rows = [
        {"train": pair[0], "test": pair[1]} | {name: row[name] for name in kept}
        for (_, row), pair in zip(arms.iterrows(), cells.values(), strict=True)
        if pair
    ]
    table = pd.DataFrame(rows, columns=["train", "test", *kept])
    if (table["train"] == table["test"]).all():
        return table[:0]
    return table.sort_values(["train", "test"], ignore_index=True)


def compared(arms: Iterable[str]) -> list[tuple[str, str]] | None:
    """The pairs of cells whose difference means something: what training elsewhere costs.

    Both of a pair test the same database, one of them by LOSO within it. Cells that test
    different databases differ in too much.

    Returns:
      (trained within, trained elsewhere), sorted; None where the arms are no cells.
    """
    cells = {arm: databases_of(RunId.parse(arm).cell) for arm in arms}
    if not all(cells.values()):
        return None
    own = {pair[1]: arm for arm, pair in cells.items() if pair and pair[0] == pair[1]}
    return sorted(
        (own[pair[1]], arm)
        for arm, pair in cells.items()
        if pair and pair[0] != pair[1] and pair[1] in own
    )
