"""Differences between groups, and between arms, with what they allow one to conclude."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pandas as pd
from jaxtyping import Shaped

from ethnicmer_jax.analysis import conclusion, database_matrix, intervals, results
from ethnicmer_jax.analysis.conclusion import Conclusion, Control
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.predictions import Predictions

MIN_PERSONS = 2
"""Persons that a group needs within a database to be compared there."""

MAX_IMBALANCE = 0.1
"""Total variation between two sides' shares of databases above which they are confounded."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One difference of pooled UF1.

    Attributes:
      of: "groups" or "arms".
      where: the arm in which groups are compared; "" where there is only one.
      pair: first minus second.
      interval: the difference with its interval.
      finding: what it allows one to say.
    """

    of: str
    where: str
    pair: tuple[str, str]
    interval: intervals.Interval
    finding: Conclusion

    @property
    def label(self) -> str:
        """`Asian minus Non-Asian`, with the arm in front where there are several."""
        return f"{labels.run(self.where)}: {self.name}" if self.where else self.name

    @property
    def name(self) -> str:
        """`Asian minus Non-Asian`."""
        return " minus ".join(_shown(self.of, self.pair))


def compare_all(
    predictions: Predictions, group: Shaped[np.ndarray, " rows"], *, level: float = intervals.LEVEL
) -> list[Comparison]:
    """Every pair of arms, and in every arm every pair of groups.

    Arms that are cells of databases (`database_matrix`) are compared where both test the same
    database: trained within it, and elsewhere.

    Args:
      predictions: any runs.
      group: the group of each row, str; "" belongs to none.
      level: coverage of all intervals together (Bonferroni).
    """
    arm = results.arms(predictions)
    several = len(set(arm)) > 1
    cells = database_matrix.compared(set(arm))
    planned = [
        ("arms", "", predictions, arm, pair) for pair in (pairs(arm) if cells is None else cells)
    ]
    for name in dict.fromkeys(arm):
        part, part_group = predictions.select(arm == name), group[arm == name]
        where = name if several else ""
        planned += [("groups", where, part, part_group, pair) for pair in pairs(part_group)]
    each = 1 - (1 - level) / max(1, len(planned))
    return [_compare(*plan, level=each) for plan in planned]


def pairs(side: Shaped[np.ndarray, " rows"]) -> list[tuple[str, str]]:
    """Every unordered pair of sides, sorted; "" is none."""
    return list(itertools.combinations(sorted(set(side) - {""}), 2))


def difference(
    predictions: Predictions,
    side: Shaped[np.ndarray, " rows"],
    pair: tuple[str, str],
    *,
    level: float,
) -> intervals.Interval:
    """UF1 of the first side minus that of the second, averaged over runs."""
    sides = dict(Counts.by(predictions, side))
    first, second = (sides[name].tested_only() for name in pair)
    return intervals.difference(first, second, level=level)


def confounded(
    predictions: Predictions, side: Shaped[np.ndarray, " rows"], pair: tuple[str, str]
) -> bool:
    """Whether the subjects of the two sides come from the databases in different shares."""
    shares = [
        _persons(predictions, side, name).database.value_counts(normalize=True) for name in pair
    ]
    gap = shares[0].sub(shares[1], fill_value=0).abs().sum() / 2
    return bool(gap > MAX_IMBALANCE)


def _compare(
    of: str,
    where: str,
    predictions: Predictions,
    side: Shaped[np.ndarray, " rows"],
    pair: tuple[str, str],
    *,
    level: float,
) -> Comparison:
    observed = difference(predictions, side, pair, level=level)
    # Arms differ in who trained them, so test subjects of one database are no control for them.
    run = _within_databases(predictions, side, pair, observed) if of == "groups" else []
    finding = conclusion.conclude(
        observed,
        _shown(of, pair),
        run,
        confounded=confounded(predictions, side, pair),
        level=level,
        detectable=observed.detectable,
    )
    return Comparison(of, where, pair, observed, finding)


def _shown(of: str, pair: tuple[str, str]) -> tuple[str, str]:
    show = labels.group if of == "groups" else labels.run
    return show(pair[0]), show(pair[1])


def _within_databases(
    predictions: Predictions,
    side: Shaped[np.ndarray, " rows"],
    pair: tuple[str, str],
    observed: intervals.Interval,
) -> list[Control]:
    """The same difference inside each database that has enough persons on both sides."""
    database = predictions.table["database"].to_numpy(object)
    if len(set(database)) == 1:
        return []
    return [
        conclusion.within_database(
            name,
            observed,
            difference(
                predictions.select(database == name),
                side[database == name],
                pair,
                level=observed.level,
            ),
        )
        for name in _comparable_databases(predictions, side, pair)
    ]


def _comparable_databases(
    predictions: Predictions, side: Shaped[np.ndarray, " rows"], pair: tuple[str, str]
) -> list[str]:
    counts = [_persons(predictions, side, name).database.value_counts() for name in pair]
    fewest = pd.concat(counts, axis=1).fillna(0).min(axis=1)
    return sorted(fewest.index[fewest >= MIN_PERSONS])


def _persons(
    predictions: Predictions, side: Shaped[np.ndarray, " rows"], name: str
) -> pd.DataFrame:
    """One row for each person on a side."""
    table = predictions.table.loc[side == name, ["database", "subject"]]
    return table.drop_duplicates()
