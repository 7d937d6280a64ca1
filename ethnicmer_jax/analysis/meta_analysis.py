"""One estimate from several databases: a random-effects meta-analysis of few of them.

Databases share no subject, so their estimates are independent. Each is taken as its
laboratory's own true value plus sampling error, and laboratories' values as scattered with
variance tau2 around a mean (DerSimonian and Laird 1986), with tau2 after Paule and Mandel
(1982), which keeps its level with few studies (Veroniki et al. 2016).

Two questions about the mean have two intervals, and few databases tell them apart:

- the mean of *these* laboratories. What is unknown is who was recorded there; every database
  of the same advantage narrows the interval;
- the mean of laboratories *like these*, of which these are a sample of k: Hartung and Knapp
  (2001), Student's t with k - 1 degrees of freedom, never narrower than the sampling error
  allows (the modification of Röver, Knapp and Friede 2015). Two laboratories say nearly
  nothing about others (t = 12.7), and one says nothing at all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import scipy
from jaxtyping import Float

from ethnicmer_jax.analysis.conclusion import Range
from ethnicmer_jax.analysis.intervals import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pooled:
    """The mean of one quantity over k databases, k at least 1.

    Attributes:
      estimate: the mean, weighted by 1 / (squared standard error + tau2).
      low, high: its interval, as a mean of these databases.
      p_value: two-sided, of a mean of 0 in these databases.
      level: coverage of both intervals.
      weights: database -> its share of the mean; they add up to 1.
      left_out: databases whose estimate has no standard error.
      elsewhere: the same mean with its interval as one of laboratories like these; without
        bounds (NaN) where k is 1.
      tau2: variance between laboratories; NaN where k is 1, as what follows.
      i2: share of the variance of estimates that is not sampling error, in [0, 1).
      q: Cochran's Q.
      q_p: p of Q where all laboratories have one value: chi-squared with k - 1 degrees.
    """

    estimate: float
    low: float
    high: float
    p_value: float
    level: float
    weights: Mapping[str, float]
    left_out: tuple[str, ...]
    elsewhere: Range
    tau2: float = np.nan
    i2: float = np.nan
    q: float = np.nan
    q_p: float = np.nan

    @property
    def databases(self) -> tuple[str, ...]:
        """Those that count."""
        return tuple(self.weights)


def pooled(inside: Mapping[str, Interval]) -> Pooled | None:
    """The mean over databases of the same quantity inside each.

    Args:
      inside: database -> its estimate, all with one level; who is in one is in no other.

    Returns:
      None where no database has an estimate with a standard error.
    """
    kept = {name: one for name, one in inside.items() if _defined(one)}
    left_out = tuple(name for name in inside if name not in kept)
    if not kept:
        return None
    if len(kept) == 1:
        ((name, only),) = kept.items()
        return Pooled(
            estimate=only.estimate,
            low=only.low,
            high=only.high,
            p_value=only.p_value,
            level=only.level,
            weights={name: 1.0},
            left_out=left_out,
            elsewhere=Range(only.estimate, np.nan, np.nan),
        )
    return _combined(kept, left_out)


def _defined(one: Interval) -> bool:
    known = np.isfinite([one.estimate, one.standard_error]).all()
    return bool(known and one.standard_error > 0 and one.df > 0)


def _combined(inside: Mapping[str, Interval], left_out: tuple[str, ...]) -> Pooled:
    # Imported when it is needed: statsmodels takes a second, and a job trains without it.
    from statsmodels.stats.meta_analysis import combine_effects

    level = next(iter(inside.values())).level
    estimates = np.array([one.estimate for one in inside.values()])
    variances = np.array([one.standard_error**2 for one in inside.values()])
    # Where all estimates are one number, statsmodels divides by their Q of 0 on the way.
    with np.errstate(divide="ignore"):
        found = combine_effects(estimates, variances, method_re="iterated")
    weights, mean = np.asarray(found.weights_rel_re), float(found.mean_effect_re)
    parts = weights**2 * variances
    error = float(np.sqrt(parts.sum()))
    t = scipy.stats.t(_degrees(parts, np.array([float(one.df) for one in inside.values()])))
    half = float(t.ppf((1 + level) / 2)) * error
    test = found.test_homogeneity()
    return Pooled(
        estimate=mean,
        low=mean - half,
        high=mean + half,
        p_value=float(2 * t.sf(abs(mean) / error)),
        level=level,
        weights=dict(zip(inside, map(float, weights), strict=True)),
        left_out=left_out,
        elsewhere=_elsewhere(mean, found.sd_eff_w_re, found.sd_eff_w_re_hksj, len(inside), level),
        tau2=float(found.tau2),
        i2=float(max(0.0, 1 - (len(inside) - 1) / found.q)) if found.q > 0 else 0.0,
        q=float(found.q),
        q_p=float(test.pvalue),
    )


def _degrees(parts: Float[np.ndarray, " databases"], own: Float[np.ndarray, " databases"]) -> float:
    """Degrees of freedom of a sum of variances, from those of each (Welch and Satterthwaite)."""
    return float(parts.sum() ** 2 / (parts**2 / own).sum())


def _elsewhere(mean: float, plain: float, scaled: float, k: int, level: float) -> Range:
    """Hartung and Knapp's interval; its standard error is at least the plain one."""
    half = float(scipy.stats.t.ppf((1 + level) / 2, k - 1) * max(plain, scaled))
    return Range(mean, mean - half, mean + half)
