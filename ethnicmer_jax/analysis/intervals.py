"""Intervals from the subject-cluster bootstrap.

Whole persons are drawn with replacement and pooled scores recomputed. The
interval is the expanded percentile interval (Hesterberg 2015, "What teachers
should know about the bootstrap", section 5.3.2): the percentile interval with its
tail probabilities widened by Student's t and sqrt(n / (n - 1)), because with few
clusters plain percentiles are too narrow. Simulated coverage of a 95% interval
for UF1 with 12 / 16 / 28 / 52 persons was .90 / .92 / .92 / .94, against
.85 / .89 / .91 / .93 for percentile and .86 / .90 / .92 / .94 for BCa.

The intervals speak about new test persons for the models as trained. They do not
include what another training set would have changed; repeated draws do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import scipy
from jaxtyping import Bool, Float, Int, Shaped

from ethnicmer_jax.analysis import effects
from ethnicmer_jax.analysis.confusion import SCORES, Score
from ethnicmer_jax.analysis.counts import Counts

LEVEL = 0.95
"""Coverage of every interval that is not stated to be one of several."""

RESAMPLES = 2000
SEED = 0
"""Every interval comes from the same resamples, so that it has the same digits everywhere."""

FEW = 8
"""Fewer subjects are too few to rely on an interval: simulated coverage of a 95% interval of UF1
with 3 to 7 subjects was .79 to .90, and the bounds often are those of single subjects."""

Term = tuple[float, Counts]
"""A weight, and the runs whose mean score it multiplies."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    Attributes:
      estimate: on the observed persons; NaN where it is undefined.
      low, high: the bounds; NaN with fewer than two persons.
      standard_error: standard deviation over the resamples.
      level: nominal coverage in (0, 1).
      n_persons: persons resampled.
      n_resamples: resamples in which the estimate was defined.
      design: "single", or for a difference "paired" (the same persons on both
        sides), "unpaired" (nobody on both) or "partly paired".
      n_strata: strata they were resampled in.
      p_value: two-sided p of 0, the level at which the interval reaches it; NaN where the
        interval is undefined. It says something about differences only.
    """

    estimate: float
    low: float
    high: float
    standard_error: float
    level: float
    n_persons: int
    n_resamples: int
    design: str = "single"
    n_strata: int = 1
    p_value: float = np.nan

    @property
    def df(self) -> int:
        """Degrees of freedom: persons less strata."""
        return self.n_persons - self.n_strata

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside; False where the bounds are undefined."""
        return self.low > 0 or self.high < 0

    @property
    def detectable(self) -> float:
        """The smallest true value that a test at 1 - level would have found with 80% power.

        It uses the degrees of freedom of the interval; NaN where that is undefined.
        """
        if not np.isfinite(self.standard_error):
            return np.nan
        return effects.minimum_detectable(self.standard_error, alpha=1 - self.level, df=self.df)


def few_subjects(subjects: Mapping[str, int]) -> list[str]:
    """A warning where intervals rest on fewer than FEW subjects; none where none does.

    Args:
      subjects: how many there are, by what a reader calls the part.
    """
    few = {name: number for name, number in subjects.items() if number < FEW}
    if not few:
        return []
    named = [f"{name} ({number})" for name, number in few.items()]
    shown = ", ".join(named[:6]) + (f" and {len(named) - 6} more" if len(named) > 6 else "")
    return [
        f"Too few subjects to rely on the interval: {shown}. With fewer than {FEW} subjects "
        "intervals cover the truth less often than they say, and may end at 0 or 1 only because "
        "single subjects do."
    ]


def resample_weights(
    strata: Shaped[np.ndarray, " units"], n_resamples: int, rng: np.random.Generator
) -> Int[np.ndarray, "resamples units"]:
    """How often each unit is drawn.

    Args:
      strata: a label for each unit; as many units are drawn from each stratum as it has.
      n_resamples: how many resamples.
      rng: the source of randomness.
    """
    weights = np.zeros((n_resamples, len(strata)), np.int64)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        n = len(members)
        weights[:, members] = rng.multinomial(n, np.full(n, 1 / n), n_resamples)
    return weights


def expanded_percentile(
    estimate: float,
    resampled: Float[np.ndarray, " resamples"],
    *,
    n_units: int,
    n_strata: int = 1,
    level: float = LEVEL,
    design: str = "single",
    variance_factor: float = 1.0,
) -> Interval:
    """The expanded percentile interval of resampled estimates.

    Args:
      estimate: the estimate on the data themselves.
      resampled: the estimate in each resample; NaN (undefined) is left out.
      n_units: units that were resampled.
      n_strata: strata they were resampled in; each costs a degree of freedom.
      level: nominal coverage.
      design: kept in the result.
      variance_factor: what the variance of the resamples is multiplied by; see that module.
    """
    if variance_factor != 1:
        resampled = estimate + np.sqrt(variance_factor) * (resampled - estimate)
    defined = resampled[~np.isnan(resampled)]
    df = n_units - n_strata
    low = high = standard_error = p_value = np.nan
    if df >= 1 and len(defined) >= 2:
        expansion = np.sqrt(n_units / df)
        tail = scipy.stats.norm.cdf(scipy.stats.t.ppf((1 - level) / 2, df) * expansion)
        low, high = np.quantile(defined, [tail, 1 - tail])
        standard_error = defined.std(ddof=1)
        p_value = _p_value(defined, df, expansion)
    return Interval(
        float(estimate),
        float(low),
        float(high),
        float(standard_error),
        level,
        n_units,
        len(defined),
        design,
        n_strata,
        float(p_value),
    )


def _p_value(defined: np.ndarray, df: int, expansion: float) -> float:
    """Two-sided p of 0, in (0, 1]: the level at which the interval reaches it."""
    below, above = np.count_nonzero(defined <= 0), np.count_nonzero(defined >= 0)
    # One resample is counted in, so that p is never 0.
    tail = (1 + min(below, above)) / (1 + len(defined))
    t = scipy.stats.norm.ppf(tail) / expansion
    return min(1.0, 2 * scipy.stats.t.cdf(t, df))


def estimate(
    terms: Sequence[Term],
    score: str = "uf1",
    *,
    level: float = LEVEL,
    n_resamples: int = RESAMPLES,
    seed: int = SEED,
    variance_factor: float = 1.0,
) -> Interval:
    """Estimates sum of weight * score over the terms, each score averaged over its runs.

    Persons are resampled once for all terms, in strata of those whom the same terms test. So
    somebody tested on both sides of a difference moves both (pairing), somebody tested on
    one side moves that alone, and the numbers of each kind stay fixed. Models on the same
    clips, groups with nobody in common and arms that share some persons are one case.

    Args:
      terms: one or more; all over the same persons and classes.
      score: a key of `confusion.SCORES`.
      level: nominal coverage.
      n_resamples: how many resamples.
      seed: determines the resamples.
      variance_factor: what the variance of the resamples is multiplied by; see that module.

    Raises:
      ValueError: there is no term, or the terms are over different persons or classes.
    """
    resampled = _resampled(terms, {score: SCORES[score]}, n_resamples, seed)
    return _interval(resampled, score, level=level, variance_factor=variance_factor)


def score_intervals(
    counts: Counts, scores: Mapping[str, Score] = SCORES, *, level: float = LEVEL
) -> dict[str, Interval]:
    """Every score, averaged over the runs, with its interval.

    Args:
      counts: of one or more runs.
      scores: by name.
      level: nominal coverage.
    """
    resampled = _resampled([(1.0, counts)], scores, RESAMPLES, SEED)
    return {score: _interval(resampled, score, level=level) for score in scores}


def difference(
    first: Counts,
    second: Counts,
    score: str = "uf1",
    *,
    level: float = LEVEL,
    n_resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """score(first) - score(second), each averaged over its runs, with its interval.

    Args:
      first: the counts of one or more runs.
      second: the same, over any persons.
      score: a key of `confusion.SCORES`.
      level: nominal coverage.
      n_resamples: how many resamples.
      seed: determines the resamples.

    Raises:
      ValueError: the classes differ.
    """
    return estimate(
        _difference_terms(first, second), score, level=level, n_resamples=n_resamples, seed=seed
    )


def differences(
    first: Counts, second: Counts, scores: Mapping[str, Score] = SCORES, *, level: float = LEVEL
) -> dict[str, Interval]:
    """The `difference` of every score, by its name.

    Args:
      first: the counts of one or more runs.
      second: the same, over any persons.
      scores: by name.
      level: nominal coverage.

    Raises:
      ValueError: the classes differ.
    """
    resampled = _resampled(_difference_terms(first, second), scores, RESAMPLES, SEED)
    return {score: _interval(resampled, score, level=level) for score in scores}


def _difference_terms(first: Counts, second: Counts) -> list[Term]:
    persons = np.union1d(first.persons, second.persons)
    return [(1.0, first.over(persons)), (-1.0, second.over(persons))]


@dataclasses.dataclass(frozen=True)
class _Resampled:
    """Weighted sums of scores, on the data themselves (row 0) and in every resample."""

    sums: dict[str, np.ndarray]
    n_persons: int
    n_strata: int
    design: str


def _resampled(
    terms: Sequence[Term], scores: Mapping[str, Score], n_resamples: int, seed: int
) -> _Resampled:
    if not terms:
        raise ValueError("an estimate needs a term")
    persons, classes = terms[0][1].persons, terms[0][1].classes
    for _, counts in terms:
        if not np.array_equal(counts.persons, persons):
            raise ValueError("the terms of an estimate must be over the same persons")
        if counts.classes != classes:
            raise ValueError(
                f"cannot compare scores over {classes} with those over {counts.classes}"
            )
    tested = np.stack([counts.tested.any(axis=0) for _, counts in terms])
    anywhere = tested.any(axis=0)
    _, strata = np.unique(tested[:, anywhere], axis=1, return_inverse=True)
    weights = resample_weights(strata, n_resamples, np.random.default_rng(seed))
    drawn = np.zeros((n_resamples + 1, len(persons)))
    drawn[0, anywhere], drawn[1:, anywhere] = 1, weights
    sums = sum(weight * counts.scores(drawn, *scores.values()) for weight, counts in terms)
    return _Resampled(
        dict(zip(scores, sums, strict=True)),
        len(strata),
        len(np.unique(strata)),
        _design(tested[:, anywhere]),
    )


def _interval(
    resampled: _Resampled, score: str, *, level: float = LEVEL, variance_factor: float = 1.0
) -> Interval:
    sums = resampled.sums[score]
    return expanded_percentile(
        sums[0],
        sums[1:],
        n_units=resampled.n_persons,
        n_strata=resampled.n_strata,
        level=level,
        design=resampled.design,
        variance_factor=variance_factor,
    )


def _design(tested: Bool[np.ndarray, "terms persons"]) -> str:
    """How far the terms test the same persons."""
    if len(tested) == 1:
        return "single"
    if tested.all():
        return "paired"
    return "partly paired" if (tested.sum(axis=0) > 1).any() else "unpaired"
