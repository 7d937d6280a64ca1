"""Effect sizes, Holm's correction, and the smallest effect a sample could show."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats as scipy_stats
from statsmodels.stats.proportion import proportion_confint


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
    return 2 * math.asin(math.sqrt(first)) - 2 * math.asin(math.sqrt(second))


def odds_ratio(hits: Sequence[int], totals: Sequence[int], level: float = 0.95) -> OddsRatio:
    """Odds of a hit in the first sample over those in the second.

    Half a clip is added to each of the four cells (Haldane 1956, Anscombe 1956),
    so that an empty cell gives a finite ratio; Woolf's interval. It takes clips as
    independent: a description, not a test.

    Args:
      hits: clips with the property, in the first and the second sample.
      totals: clips in each.
      level: nominal coverage.
    """
    cells = np.array([[hits[i], totals[i] - hits[i]] for i in (0, 1)], np.float64) + 0.5
    log_ratio = np.log(cells[0, 0] * cells[1, 1] / (cells[0, 1] * cells[1, 0]))
    half = scipy_stats.norm.ppf((1 + level) / 2) * np.sqrt((1 / cells).sum())
    return OddsRatio(*(float(np.exp(log_ratio + shift)) for shift in (0.0, -half, half)))


def wilson_interval(hits: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion of independent clips; NaN for no clips."""
    if total == 0:
        return math.nan, math.nan
    low, high = proportion_confint(hits, total, alpha=1 - level, method="wilson")
    return float(low), float(high)


def holm(p_values: Sequence[float], alpha: float = 0.05) -> pd.DataFrame:
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
    standard_error: float, *, alpha: float = 0.05, power: float = 0.8, df: float = math.inf
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
    t = scipy_stats.t(df) if math.isfinite(df) else scipy_stats.norm
    return float((t.ppf(1 - alpha / 2) + t.ppf(power)) * standard_error)


def intraclass_correlation(values: np.ndarray, person: np.ndarray) -> float:
    """One-way ANOVA intraclass correlation of clips within persons, at most 1.

    How much two clips of one person agree beyond clips of different persons; with
    unequal clip counts after Donner (1986). NaN where nobody has two clips or
    nothing varies.

    Args:
      values: float or bool [n].
      person: [n].
    """
    table = pd.DataFrame({"value": np.asarray(values, np.float64), "person": person})
    persons = table.groupby("person")["value"].agg(["size", "mean"])
    n, k = len(table), len(persons)
    if k < 2 or n == k:
        return math.nan
    between = (persons["size"] * (persons["mean"] - table["value"].mean()) ** 2).sum() / (k - 1)
    own_mean = table["person"].map(persons["mean"])
    within = ((table["value"] - own_mean) ** 2).sum() / (n - k)
    clips = (n - (persons["size"] ** 2).sum() / n) / (k - 1)
    total = between + (clips - 1) * within
    return float((between - within) / total) if total > 0 else math.nan


def design_effect(person: np.ndarray, correlation: float) -> float:
    """By how much clustering inflates a variance: 1 + (m - 1) rho (Kish 1965).

    m is the clip-weighted mean number of clips a person, so unequal counts cost more;
    clips / design effect is the effective number of independent clips.

    Args:
      person: whose each clip is, [n].
      correlation: intraclass correlation rho; below 0 it is taken as 0.
    """
    sizes = np.unique(person, return_counts=True)[1]
    mean_size = (sizes**2).sum() / sizes.sum()
    return float(1 + (mean_size - 1) * max(0.0, correlation))


def p_text(p: float) -> str:
    """A p value as papers print it: `p = .032`, `p = .32`, `p < .001`; `p n/a` for NaN."""
    if not np.isfinite(p):
        return "p n/a"
    if p < 0.001:
        return "p < .001"
    return "p = " + f"{p:.{3 if p < 0.1 else 2}f}".removeprefix("0")
