"""Weighted sums of pooled scores with intervals: arm against arm, cell against cell.

The same bootstrap as `bootstrap.difference`, for any number of terms over counts that
were made once. A person who is resampled moves every term that tests them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ethnicmer_jax.analysis import bootstrap, effects
from ethnicmer_jax.analysis.bootstrap import Interval
from ethnicmer_jax.analysis.confusion import SCORES
from ethnicmer_jax.analysis.counts import SubjectCounts

Term = tuple[float, SubjectCounts]
"""A weight, and the runs whose mean score it multiplies."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contrast(Interval):
    """A weighted sum of scores with its interval.

    Attributes:
      p_value: two-sided, below 1 - level where the interval excludes 0; NaN where the
        interval is undefined.
      detectable: the smallest true value that a test at 1 - level would have found with
        80% power; NaN where the interval is undefined.
    """

    p_value: float
    detectable: float


def estimate(
    terms: Sequence[Term],
    score: str = "uf1",
    *,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Contrast:
    """Estimates sum of weight * score over the terms, each score averaged over its runs.

    Persons are resampled in strata of those whom the same terms test. So with weights 1
    and -1 this is `bootstrap.difference`, paired, unpaired or partly paired.

    Args:
      terms: one or more; all over the same persons.
      score: a key of `confusion.SCORES`.
      level: nominal coverage.
      n_resamples: B.
      seed: determines the resamples.

    Raises:
      ValueError: there is no term, or the terms are over different persons.
    """
    if not terms:
        raise ValueError("a contrast needs a term")
    persons = terms[0][1].persons
    if any(not np.array_equal(counts.persons, persons) for _, counts in terms):
        raise ValueError("the terms of a contrast must be over the same persons")
    tested = np.stack([counts.counts.any(axis=(0, 2, 3)) for _, counts in terms])
    anywhere = tested.any(axis=0)
    _, strata = np.unique(tested[:, anywhere], axis=1, return_inverse=True)
    n_persons, n_strata = len(strata), len(np.unique(strata))
    weights = bootstrap.resample_weights(strata, n_resamples, np.random.default_rng(seed))
    # Row 0 counts everybody once: the estimate itself.
    drawn = np.zeros((n_resamples + 1, len(persons)))
    drawn[0, anywhere], drawn[1:, anywhere] = 1, weights
    sums = sum(weight * counts.scores(drawn, SCORES[score]) for weight, counts in terms)
    interval = bootstrap.expanded_percentile(
        sums[0],
        sums[1:],
        n_units=n_persons,
        n_strata=n_strata,
        level=level,
        design=_design(tested[:, anywhere]),
    )
    return Contrast(
        **dataclasses.asdict(interval),
        p_value=bootstrap.expanded_p_value(sums[1:], n_units=n_persons, n_strata=n_strata),
        detectable=effects.minimum_detectable(
            interval.standard_error, alpha=1 - level, df=interval.df
        )
        if interval.df > 0
        else np.nan,
    )


def _design(tested: np.ndarray) -> str:
    """How far the terms (bool [terms, persons]) test the same persons."""
    if len(tested) == 1:
        return "single"
    if tested.all():
        return "paired"
    return "partly paired" if (tested.sum(axis=0) > 1).any() else "unpaired"
