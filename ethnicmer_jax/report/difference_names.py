"""What the rows of a comparison are called, on the terminal and on its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ethnicmer_jax.analysis.confusion import LABELS
from ethnicmer_jax.analysis.paired import CLASSES, GROUPS
from ethnicmer_jax.base import labels


def labelled(differences: pd.DataFrame) -> pd.DataFrame:
    """The rows pair by pair, with the columns pair (`embed − baseline`) and what (`UF1`)."""
    rows = differences.to_dict("records")
    pairs = [in_arm(f"{row['name']} − {row['baseline']}", row["arm"]) for row in rows]
    named = differences.assign(pair=pairs, what=[of_score(row) for row in rows])
    return named.sort_values("pair", kind="stable", key=lambda pair: pd.factorize(pair)[0])


def in_arm(name: str, arm: str) -> str:
    """A name, with the arm before it where there are several."""
    return f"{labels.run(arm)}: {name}" if arm else name


def of_score(row: Mapping[str, Any]) -> str:
    """Of a row of `paired.Findings`: `UF1`, `F1 of surprise` or `Non-Asian: UAR`."""
    if row["section"] == CLASSES:
        return f"F1 of {row['part']}"
    if row["section"] == GROUPS:
        return f"{labels.group(row['part'])}: {LABELS[row['score']]}"
    return LABELS[row["score"]]
