"""How far two groups, or two databases, lie apart in UF1, and how a recipe changes that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Shaped

from ethnicmer_jax.analysis import intervals, metrics
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.analysis.intervals import Interval, Term
from ethnicmer_jax.base.predictions import Predictions

KINDS = ("group", "database")
"""Between which two sides there is a gap."""


def columns(
    arm: Predictions, first: Predictions | None, members: Mapping[str, str]
) -> dict[str, Any]:
    """The gaps of an arm, where there are just two sides of a kind.

    Args:
      arm: runs over the same clips.
      first: those that it is compared with; None for no comparison.
      members: ethnicity -> group.

    Returns:
      For each of KINDS <kind>_sides ("casme2 minus samm"), <kind>_gap (UF1 of the first side
      minus that of the second, mean over runs) with _low and _high and, with `first`,
      <kind>_gap_change: how much further the gap is from 0 than that of `first`, with its
      bounds; persons are resampled together.
    """
    row: dict[str, Any] = {}
    for kind in KINDS:
        sides = _sides(arm, kind, members)
        if len(sides) != 2:
            continue
        gap = intervals.estimate(_terms(sides))
        row |= {f"{kind}_sides": " minus ".join(sides)} | _named(f"{kind}_gap", gap)
        before = {} if first is None else _sides(first, kind, members)
        if tuple(before) != tuple(sides) or first is None or not _same_clips(arm, first):
            continue
        # What was behind is ahead in the second term where a recipe turns the gap round.
        signs = [np.sign(intervals.estimate(_terms(each)).estimate) for each in (sides, before)]
        terms = [(signs[0] * weight, counts) for weight, counts in _terms(sides)]
        terms += [(-signs[1] * weight, counts) for weight, counts in _terms(before)]
        row |= _named(f"{kind}_gap_change", intervals.estimate(terms))
    return row


def _sides(arm: Predictions, kind: str, members: Mapping[str, str]) -> dict[str, Counts]:
    return dict(Counts.by(arm, _labels(arm, kind, members)))


def _labels(arm: Predictions, kind: str, members: Mapping[str, str]) -> Shaped[np.ndarray, " rows"]:
    if kind == "group":
        return metrics.group_labels(arm, members)
    return arm.table["database"].to_numpy(object)


def _terms(sides: Mapping[str, Counts]) -> list[Term]:
    one, other = sides.values()
    return [(1.0, one), (-1.0, other)]


def _same_clips(arm: Predictions, first: Predictions) -> bool:
    return arm.classes == first.classes and set(arm.key) == set(first.key)


def _named(name: str, found: Interval) -> dict[str, float]:
    return {name: found.estimate, f"{name}_low": found.low, f"{name}_high": found.high}
