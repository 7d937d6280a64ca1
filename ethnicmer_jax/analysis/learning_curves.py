"""Training curves: mean and band over folds, by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

BAND = (0.05, 0.95)
"""Quantiles between which the band of a curve lies."""

_KEYS = ("epoch", "flight", "run")


def families(scalars: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    """The curves that share an axis: those whose names end alike ("loss", "accuracy").

    Args:
      scalars: columns epoch, flight, run and one for each curve.

    Returns:
      Family -> columns series, x (epoch), mean, low, high; one row per series and epoch.
    """
    members: dict[str, list[str]] = {}
    for key in scalars.columns.drop(list(_KEYS)):
        if pd.api.types.is_numeric_dtype(scalars[key]) and scalars[key].notna().any():
            members.setdefault(key.rsplit("_", 1)[-1], []).append(key)
    return {family: _points(scalars, keys) for family, keys in members.items()}


def _points(scalars: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    long = scalars.melt(id_vars="epoch", value_vars=list(keys), var_name="series").dropna()
    low, high = BAND
    points = long.groupby(["series", "epoch"], as_index=False, sort=False).agg(
        mean=("value", "mean"),
        low=("value", lambda values: values.quantile(low)),
        high=("value", lambda values: values.quantile(high)),
    )
    points = points.rename(columns={"epoch": "x"}).sort_values(["series", "x"])
    return points.assign(series=points["series"].str.replace("_", " "))
