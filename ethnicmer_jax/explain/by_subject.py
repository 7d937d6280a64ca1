"""Means over clips with intervals from resampling subjects: clips of one are not independent."""

from __future__ import annotations

import numpy as np

from ethnicmer_jax.analysis import bootstrap
from ethnicmer_jax.analysis.bootstrap import Interval

RESAMPLES = 2000


def mean(values: np.ndarray, person: np.ndarray, seed: int = 0) -> Interval:
    """The mean over clips with its 95% interval.

    Args:
      values: float [n]; NaN is left out.
      person: str [n], whose each clip is.
      seed: determines the resamples.
    """
    defined = ~np.isnan(values)
    _, index = np.unique(person[defined], return_inverse=True)
    counts = np.bincount(index)
    sums = np.bincount(index, weights=values[defined])
    if not len(counts):
        return bootstrap.expanded_percentile(np.nan, np.empty(0), n_units=0)
    rng = np.random.default_rng(seed)
    weights = bootstrap.resample_weights(np.zeros(len(counts)), RESAMPLES, rng)
    resampled = (weights @ sums) / (weights @ counts)
    return bootstrap.expanded_percentile(sums.sum() / counts.sum(), resampled, n_units=len(counts))


def means_by_person(values: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Everybody's mean over their clips.

    Args:
      values: float [n, k]; clips with NaN are left out.
      person: str [n].

    Returns:
      Persons, str [s], sorted, and float [s, k].
    """
    defined = ~np.isnan(values).any(axis=1)
    persons, index, counts = np.unique(person[defined], return_inverse=True, return_counts=True)
    sums = np.zeros((len(persons), values.shape[1]))
    np.add.at(sums, index, values[defined])
    return persons, sums / counts[:, None]
