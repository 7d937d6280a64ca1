"""By how much resampled tests understate the variance of an own-group advantage.

Intervals resample the persons who are tested; who taught, and how people are dealt into
folds, they do not see. `variance_factors.csv` holds the factor by which that variance is
multiplied so that a 95% interval excludes 0 in 5% of simulated databases without an effect:
one row per classifier, quantity and number of subjects, with the command that gave it.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

ADVANTAGE = "advantage"
"""The own-group advantage: the mean over both sides."""

ONE_SIDE = "one_side"
"""Own less other training set on the tests of one side."""

_FILE = pathlib.Path(__file__).with_name("variance_factors.csv")


@dataclasses.dataclass(frozen=True)
class Factor:
    """What a variance is multiplied by.

    Attributes:
      value: 1 or more.
      note: where the factor was not fitted for the case at hand, what was taken instead;
        empty where it was.
    """

    value: float
    note: str = ""


def of(quantity: str, classifier: str, subjects: float) -> Factor:
    """The factor of a classifier at a number of subjects.

    Between fitted numbers of subjects n it is interpolated in 1 / n. Beyond them that of the
    nearest number is taken, for a classifier that was not fitted the largest of all; either
    way the note says so.

    Args:
      quantity: ADVANTAGE or ONE_SIDE.
      classifier: see `classifier_of`.
      subjects: of one side, those who are tested in any draw.
    """
    table = fitted()
    mine = table[table["quantity"] == quantity]
    notes = []
    if classifier not in set(mine["classifier"]):
        known = ", ".join(dict.fromkeys(mine["classifier"]))
        named = f"for {classifier}" if classifier else "for a classifier without a name"
        notes.append(f"no factor was fitted {named}: the largest of {known} is taken")
    else:
        mine = mine[mine["classifier"] == classifier]
    curves = [part for _, part in mine.groupby("classifier", sort=False)]
    fewest = max(part["subjects"].min() for part in curves)
    most = min(part["subjects"].max() for part in curves)
    if not fewest <= subjects <= most:
        nearest = fewest if subjects < fewest else most
        notes.append(
            f"factors were fitted with {fewest} to {most} subjects a side: "
            f"that of {nearest} is taken for {subjects:g}"
        )
    at = float(np.clip(subjects, fewest, most))
    return Factor(max(_interpolated(part, at) for part in curves), "; ".join(notes))


def classifier_of(config: Mapping[str, Any]) -> str:
    """What a config's classifier is called in the table; "" where the config does not say.

    Args:
      config: the content of config.json, or a config as a mapping.
    """
    kind = str(config.get("classifier", ""))
    if kind != "network":
        return kind
    model = config.get("model", {})
    fusion, backbone = model.get("fusion", "none"), str(model.get("emotion_backbone", ""))
    return backbone if fusion == "none" else f"{backbone} with {fusion}"


def critical(estimate: float, low: float, high: float) -> float:
    """The factor at which an interval just reaches 0.

    Args:
      estimate: of a difference.
      low: its lower bound with a factor of 1.
      high: its upper bound with a factor of 1.

    Returns:
      The interval excludes 0 at every smaller factor. Infinite where it excludes 0 at all, NaN
      where the interval is undefined.
    """
    towards = low if estimate > 0 else high
    if not np.isfinite([estimate, low, high]).all():
        return np.nan
    if estimate == 0:
        return 0.0
    reach = (estimate - towards) * np.sign(estimate)
    return float((estimate / reach) ** 2) if reach > 0 else np.inf


def fit(critical_factors: Float[np.ndarray, " databases"], alpha: float) -> float:
    """The factor, at least 1, with which a share alpha of databases would exclude 0.

    Args:
      critical_factors: of databases without an effect; NaN counts as never excluding 0.
      alpha: nominal rate of false alarms.
    """
    values = np.nan_to_num(critical_factors, nan=0.0, posinf=np.finfo(float).max)
    return max(1.0, float(np.quantile(values, 1 - alpha)))


@functools.cache
def fitted() -> pd.DataFrame:
    """The table: classifier, quantity, subjects, factor, databases, command and date."""
    return pd.read_csv(_FILE)


def _interpolated(curve: pd.DataFrame, subjects: float) -> float:
    """Linear in 1 / n."""
    curve = curve.sort_values("subjects", ascending=False)
    return float(np.interp(1 / subjects, 1 / curve["subjects"], curve["factor"]))
