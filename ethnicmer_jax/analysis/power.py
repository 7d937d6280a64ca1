"""The power of a planned recording: the smallest effect it finds, in words and in UF1."""

from __future__ import annotations

import dataclasses
import math
from statistics import NormalDist

import numpy as np
import pandas as pd
from jaxtyping import Float
from sklearn.isotonic import IsotonicRegression

from ethnicmer_jax.analysis.calibration import POWER
from ethnicmer_jax.base import labels

FEW = 20
"""Simulated recordings a point; of fewer, the answer is called coarse."""


@dataclasses.dataclass(frozen=True)
class Detectable:
    """The smallest effect that is found with `calibration.POWER`.

    Attributes:
      effect: between the effects that were tried, linearly; NaN where none was found so often.
      low, high: where the bounds of the rates cross that power; infinite where a bound does so
        at no effect that was tried.
      advantage: the mean own-group advantage in UF1 that the effect makes; NaN with `effect`.
    """

    effect: float
    low: float
    high: float
    advantage: float


def databases_for(precision: float, level: float = 0.95) -> int:
    """Simulated databases with which a rate of a half is known to `precision` on either side.

    Args:
      precision: half the width of the interval, in (0, .5).
      level: of the interval.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    return max(1, math.ceil(0.25 * (z / precision) ** 2))


def detectable(rates: pd.DataFrame) -> Detectable:
    """Reads the smallest effect off one power curve.

    Args:
      rates: one row an effect, 0 among them: columns effect, rate, low, high (shares),
        databases and mean_estimate (UF1).
    """
    part = rates.sort_values("effect")
    effects = part["effect"].to_numpy(np.float64)
    found, low, high = (_crossing(effects, _rising(part, name)) for name in ("rate", "high", "low"))
    advantage = float(np.interp(found, effects, part["mean_estimate"]))
    if math.isinf(found):
        found = advantage = math.nan
    return Detectable(found, low, high, advantage)


def sentences(rates: pd.DataFrame) -> list[str]:
    """What each design would find, one sentence a design; then what an effect means.

    Args:
      rates: of one or more series; see `detectable`.
    """
    designs = rates.groupby("series", sort=False)
    found = [f"{_sentence(str(name), part)}{_coarse(part)}." for name, part in designs]
    return [*found, _in_words(rates)]


def _coarse(part: pd.DataFrame) -> str:
    """A warning about few simulated recordings; "" where there are enough."""
    fewest = int(part["databases"].min())
    return f" (coarse: {labels.count(fewest)} simulated recordings a point)" if fewest < FEW else ""


def _in_words(rates: pd.DataFrame) -> str:
    """What the effect nearest to one half is, in words and, for each design, in UF1."""
    tried = rates.loc[rates["effect"] > 0, "effect"]
    nearest = tried.iloc[(tried - 0.5).abs().argmin()]
    made = rates.loc[rates["effect"] == nearest, "mean_estimate"]
    lowest, highest = (labels.signed(value, 2) for value in (made.min(), made.max()))
    several = lowest != highest
    span = f"{lowest} to {highest}, by design," if several else lowest
    effect = labels.compact(nearest)
    return (
        f"At effect {effect} a clip follows the dialect of its group with probability {effect} and "
        f"the table common to all otherwise; here that is a mean own-group advantage of {span} in "
        "UF1."
    )


def _rising(part: pd.DataFrame, name: str) -> Float[np.ndarray, " effects"]:
    """Power cannot fall as the effect grows: what does is chance, and is averaged out."""
    isotonic = IsotonicRegression()
    return isotonic.fit_transform(part["effect"], part[name], sample_weight=part["databases"])


def _crossing(effects: np.ndarray, rate: np.ndarray) -> float:
    """The effect at which a rising rate reaches POWER; infinite where it does not."""
    reached = np.flatnonzero(rate >= POWER)
    if not len(reached):
        return math.inf
    after = int(reached[0])
    if after == 0:
        return float(effects[0])
    share = (POWER - rate[after - 1]) / (rate[after] - rate[after - 1])
    return float(effects[after - 1] + share * (effects[after] - effects[after - 1]))


def _sentence(series: str, part: pd.DataFrame) -> str:
    found = detectable(part)
    if math.isnan(found.effect):
        last = part.loc[part["effect"].idxmax()]
        rate, low, high = (labels.percent(last[name]) for name in ("rate", "low", "high"))
        return (
            f"With {series}, no effect up to {labels.compact(last['effect'])} would be found with "
            f"{POWER:.0%} power (at {labels.compact(last['effect'])}: {rate} [{low}, {high}])"
        )
    bounds = f"{labels.score(found.low, 2)}, {bound(found.high, part)}"
    return (
        f"With {series}, an effect of {labels.score(found.effect, 2)} [{bounds}] would be found "
        f"with {POWER:.0%} power: a mean own-group advantage of "
        f"{labels.signed(found.advantage, 2)} in UF1"
    )


def bound(effect: float, part: pd.DataFrame) -> str:
    """An effect, or "above 1" where it lies beyond all that were tried in a series."""
    if math.isinf(effect):
        return f"above {labels.compact(part['effect'].max())}"
    return labels.score(effect, 2)
