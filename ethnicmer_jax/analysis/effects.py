"""Effect sizes, Holm's correction, and the smallest effect a sample could show."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
import scipy

from ethnicmer_jax.base import labels

ALPHA = 0.05
"""Level of every test, and of every family of them."""


@dataclasses.dataclass(frozen=True)
class OddsRatio:
    """An odds ratio with its interval; all positive, `estimate` may be far from 1."""

    estimate: float
    low: float
    high: float


def cohen_h(first: float, second: float) -> float:
    """Cohen's h of two proportions: 2 asin(sqrt(first)) - 2 asin(sqrt(second)), in [-pi, pi].

    .2 is called small, .5 medium and .8 large (Cohen 1988, section 6.2).
    """
    # Imported when it is needed: statsmodels takes a second, and a job trains without it.
    from statsmodels.stats.proportion import proportion_effectsize

    return float(proportion_effectsize(first, second))


def odds_ratio(hits: Sequence[float], totals: Sequence[int], level: float = 0.95) -> OddsRatio:
    """Odds of a hit in the first sample over those in the second.

    Half a clip is added to each of the four cells (Haldane 1956, Anscombe 1956),
    so that an empty cell gives a finite ratio; Woolf's interval. It takes clips as
    independent: a description, not a test.

    Args:
      hits: clips with the property, in the first and the second sample.
      totals: clips in each.
      level: nominal coverage.
    """
    from statsmodels.stats.contingency_tables import Table2x2

    cells = np.array([[hits[i], totals[i] - hits[i]] for i in (0, 1)], np.float64) + 0.5
    table = Table2x2(cells, shift_zeros=False)
    low, high = table.oddsratio_confint(1 - level)
    return OddsRatio(float(table.oddsratio), float(low), float(high))


def wilson_interval(hits: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion of independent cases; NaN for none."""
    from statsmodels.stats.proportion import proportion_confint

    if total == 0:
        return math.nan, math.nan
    low, high = proportion_confint(hits, total, alpha=1 - level, method="wilson")
    return float(low), float(high)


def holm(p_values: Collection[float], alpha: float = ALPHA) -> pd.DataFrame:
    """Holm's step-down correction for a family of tests (Holm 1979).

    The same as statsmodels' `multipletests` (tested), which collects garbage at every
    call: .2 s each beside a JAX heap.

    Args:
      p_values: [m]; NaN for a question the data could not answer, which is no test
        and does not count in the family.
      alpha: family-wise error rate.

    Returns:
      Columns p, p_holm (NaN where p is) and reject, in the order given.
    """
    p = np.asarray(p_values, np.float64)
    table = pd.DataFrame({"p": p, "p_holm": np.nan})
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    remaining = np.arange(len(order), 0, -1)
    table.loc[order, "p_holm"] = np.minimum(1, np.maximum.accumulate(p[order] * remaining))
    return table.assign(reject=table["p_holm"] <= alpha)


def minimum_detectable(
    standard_error: float, *, alpha: float = ALPHA, power: float = 0.8, df: float = math.inf
) -> float:
    """The smallest true difference that a two-sided test would have found.

    (t_{1 - alpha / 2} + t_{power}) standard errors (Bloom 1995, "Minimum detectable
    effects"); with df = inf the normal closed form. Takes the standard error from the
    subject-cluster bootstrap, so that clustering is in it.

    Args:
      standard_error: of the difference.
      alpha: level of the test.
      power: probability of finding an effect of that size.
      df: degrees of freedom, persons less strata.
    """
    t = scipy.stats.t(df) if math.isfinite(df) else scipy.stats.norm
    return float((t.ppf(1 - alpha / 2) + t.ppf(power)) * standard_error)


def p_text(p: float) -> str:
    """A p value as papers print it: `p = .032`, `p = .32`, `p < .001`; `p n/a` for NaN."""
    if not np.isfinite(p):
        return "p n/a"
    if p < 0.001:
        return "p < .001"
    return f"p = {labels.score(p, 3 if p < 0.1 else 2)}"
