"""How often a study rejects on simulated databases: rates, their intervals and the wording."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import effects
from ethnicmer_jax.base import labels

NOMINAL = effects.ALPHA
"""The false-alarm rate that a test promises."""

POWER = 0.8
"""The rejection rate from which an effect counts as one that the study finds."""


def with_wilson(table: pd.DataFrame) -> pd.DataFrame:
    """Adds rate, low and high (Wilson 95%) to counts of rejections out of databases."""
    pairs = zip(table["rejections"], table["databases"], strict=True)
    bounds = np.array([effects.wilson_interval(hits, total) for hits, total in pairs])
    bounds = bounds.reshape(-1, 2)
    rate = table["rejections"] / table["databases"]
    return table.assign(rate=rate, low=bounds[:, 0], high=bounds[:, 1])


def conclusions(rates: pd.DataFrame) -> list[str]:
    """For each series, its false alarms at effect 0 and the smallest effect found with POWER.

    Args:
      rates: columns series, effect, databases and those of `with_wilson`.
    """
    return [
        sentence
        for series, part in rates.groupby("series", sort=False)
        for sentence in _of_series(str(series), part)
    ]


def _of_series(series: str, part: pd.DataFrame) -> Iterator[str]:
    for null in part[part["effect"] == 0].itertuples():
        yield (
            f"{series}: false alarms in {_rate(null, 1)} of "
            f"{null.databases} databases, {_against_nominal(null.low, null.high)}."
        )
    tried = part[part["effect"] > 0]
    powerful = tried[tried["rate"] >= POWER]
    if len(powerful):
        row = powerful.loc[powerful["effect"].idxmin()]
        yield (
            f"{series}: power {_rate(row, 0)} at effect {labels.compact(row['effect'])} "
            f"({row['databases']} databases)."
        )
    elif len(tried):
        yield f"{series}: no effect that was tried is found with {POWER:.0%} power."


def _rate(row: Any, digits: int) -> str:
    """`2.0% [0.8%, 5.0%]`."""
    rate, low, high = (labels.percent(float(v), digits) for v in (row.rate, row.low, row.high))
    return f"{rate} [{low}, {high}]"


def _against_nominal(low: float, high: float) -> str:
    """What the 95% interval of a rate shows: an interval that holds 5% shows no equality."""
    if low > NOMINAL:
        return f"above the nominal {NOMINAL:.0%}"
    if high < NOMINAL:
        return f"below the nominal {NOMINAL:.0%}: conservative"
    return f"not shown to differ from the nominal {NOMINAL:.0%}"
