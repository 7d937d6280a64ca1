"""Controls of a study: what each one measured, and whether a difference survives it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import conclusion, effects
from ethnicmer_jax.analysis.conclusion import Control, HasInterval

ALPHA = 0.05


def within_database(database: str, observed: HasInterval, inside: HasInterval) -> Control:
    """The same difference inside one database must exclude 0 on the same side."""
    return Control(
        name=f"within {database}",
        passed=conclusion.confirms(observed, inside),
        detail=f"within {database} {conclusion.interval_text(inside)}",
        separates_database=True,
    )


def permutation(name: str, p: float, *, within_database: bool) -> Control:
    """Permuting the group of subjects must rarely give so large a difference.

    Args:
      name: what was permuted.
      p: adjusted p value; NaN (nothing could be permuted) does not pass.
      within_database: whether subjects kept their database, which tells group from database.
    """
    detail = f"permutation p = {p:.3f}" if np.isfinite(p) else "nothing to permute"
    return Control(name, bool(p < ALPHA), detail, separates_database=within_database)


def placebo(name: str, observed: float, differences: np.ndarray) -> Control:
    """Groups that mean nothing must rarely differ as much as the real ones.

    Args:
      name: how the placebo groups were made.
      observed: the difference between the real groups.
      differences: that between placebo groups, one a draw, [n]; n >= 19 to pass at 5%.
    """
    p = placebo_p(observed, differences)
    detail = f"placebo differences reach {abs(observed):.3f} with p = {p:.3f}"
    return Control(name, bool(p <= ALPHA), detail)


def placebo_p(observed: float, differences: np.ndarray) -> float:
    """Share of the placebo differences, [n], that are as large as the observed one.

    NaN ones are left out. The observed one is counted in, so that p is never 0 (Phipson
    and Smyth 2010).
    """
    size = np.abs(differences[~np.isnan(differences)])
    return float((1 + np.count_nonzero(size >= abs(observed))) / (1 + len(size)))


def false_alarms(rejections: int, databases: int) -> Control:
    """The study's own false-alarm rate on simulated databases must not lie above 5%."""
    low, high = effects.wilson_interval(rejections, databases)
    measured = f"{rejections / databases:.1%} [{low:.1%}, {high:.1%}]"
    return Control(
        name="false-alarm rate",
        passed=low <= ALPHA,
        detail=f"false alarms in {measured} of {databases} simulated databases",
    )


def as_frame(controls: list[Control]) -> pd.DataFrame:
    """Columns control, result, verdict ("survived", "not survived")."""
    return pd.DataFrame(
        {
            "control": control.name,
            "result": control.detail,
            "verdict": "survived" if control.passed else "not survived",
        }
        for control in controls
    )
