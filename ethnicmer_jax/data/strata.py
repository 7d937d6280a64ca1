"""Strata of clips that training may weigh against each other: groups, databases, or both."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, Int32

STRATA = ("none", "group", "database", "group_database")
"""What strata may be made of."""


def names(by: str, groups: tuple[str, ...], databases: tuple[str, ...]) -> tuple[str, ...]:
    """What the strata are called, those without a clip among them.

    Args:
      by: one of STRATA.
      groups: of the grouping.
      databases: of the job.
    """
    both = tuple(f"{database}/{group}" for database in databases for group in groups)
    return {"none": (), "group": groups, "database": databases, "group_database": both}[by]


def of(
    by: str,
    group: Int[np.ndarray, " clips"],
    n_groups: int,
    database: Int[np.ndarray, " clips"],
) -> Int32[np.ndarray, " clips"]:
    """The stratum of each clip, an index into `names`; -1 for none.

    Who belongs to no group belongs to no stratum of groups either: such people are few and have
    nothing in common, so that as a stratum of their own they would weigh too much.

    Args:
      by: one of STRATA.
      group: int [n], index of the group, -1 for none.
      n_groups: how many groups there are.
      database: int [n], index of the database, -1 for another one.
    """
    known = (group >= 0) & (database >= 0)
    made = {
        "none": np.full(len(group), -1),
        "group": group,
        "database": database,
        "group_database": np.where(known, database * n_groups + group, -1),
    }
    return made[by].astype(np.int32)
