"""Measures of clips, averaged and compared by subject: clips of one subject are not independent.

A subject's value is the mean over their clips; the statistic is the difference of the
groups' means over subjects. P-values come from permuting groups among the subjects of
each database, and among all subjects; Holm's correction is over the measures.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped

from ethnicmer_jax.analysis import effects, intervals, permutation
from ethnicmer_jax.analysis.counts import databases
from ethnicmer_jax.analysis.intervals import Interval

PERMUTATIONS = 5000


def clip_mean(
    values: Float[np.ndarray, " clips"], person: Shaped[np.ndarray, " clips"], seed: int = 0
) -> Interval:
    """The mean over clips with its 95% interval from resampling subjects.

    Args:
      values: one per clip; NaN is left out.
      person: whose each clip is.
      seed: determines the resamples.
    """
    defined = ~np.isnan(values)
    _, index = np.unique(person[defined], return_inverse=True)
    counts = np.bincount(index)
    sums = np.bincount(index, weights=values[defined])
    if not len(counts):
        return intervals.expanded_percentile(np.nan, np.empty(0), n_units=0)
    rng = np.random.default_rng(seed)
    weights = intervals.resample_weights(np.zeros(len(counts)), intervals.RESAMPLES, rng)
    resampled = (weights @ sums) / (weights @ counts)
    return intervals.expanded_percentile(sums.sum() / counts.sum(), resampled, n_units=len(counts))


def means_by_person(
    values: Float[np.ndarray, "clips measures"], person: Shaped[np.ndarray, " clips"]
) -> tuple[Shaped[np.ndarray, " persons"], Float[np.ndarray, "persons measures"]]:
    """Everybody, sorted, and everybody's means over their clips; clips with NaN are left out."""
    defined = ~np.isnan(values).any(axis=1)
    persons, index, counts = np.unique(person[defined], return_inverse=True, return_counts=True)
    sums = np.zeros((len(persons), values.shape[1]))
    np.add.at(sums, index, values[defined])
    return persons, sums / counts[:, None]


def compare(
    values: Float[np.ndarray, "clips measures"],
    person: Shaped[np.ndarray, " clips"],
    group: Shaped[np.ndarray, " clips"],
    groups: tuple[str, str],
    seed: int = 0,
) -> pd.DataFrame:
    """Tests every measure for a difference between two groups of subjects.

    Args:
      values: of every clip; NaN is left out.
      person: `database/subject` of every clip.
      group: of every clip; clips of other groups are left out.
      groups: first and second; the difference is first less second.
      seed: determines permutations and resamples.

    Returns:
      One row per measure: mean_a, mean_b (over subjects), difference, low, high (95%),
      persons_a, persons_b, p_within (permuted within databases; NaN where no database has
      both groups), p_within_holm, p_unrestricted, p_unrestricted_holm. All but the counts of
      subjects are NaN where a group has fewer than two.
    """
    kept = np.isin(group, groups)
    persons, means = means_by_person(values[kept], person[kept])
    first = np.isin(persons, np.unique(person[kept & (group == groups[0])]))
    counts = {"persons_a": int(first.sum()), "persons_b": int((~first).sum())}
    if min(counts.values()) < 2:
        missing = ("mean_a", "mean_b", "difference", "low", "high", "p_within", "p_within_holm",
                   "p_unrestricted", "p_unrestricted_holm")  # fmt: skip
        undefined = counts | dict.fromkeys(missing, math.nan)
        return pd.DataFrame(undefined, index=range(values.shape[1]))
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "mean_a": means[first].mean(0),
            "mean_b": means[~first].mean(0),
            "difference": _differences(first[None].astype(float), means)[0],
            **_interval(first, means, rng),
            **counts,
        }
    )
    strata = {"within": databases(persons), "unrestricted": np.zeros(len(persons))}
    for name, stratum in strata.items():
        p = _p_values(first, stratum, means, rng)
        table[f"p_{name}"] = p
        table[f"p_{name}_holm"] = effects.holm(p)["p_holm"].to_numpy()
    return table


def _differences(
    in_first: Float[np.ndarray, "relabellings persons"],
    means: Float[np.ndarray, "persons measures"],
) -> Float[np.ndarray, "relabellings measures"]:
    """Mean of the first group less mean of the second, under each assignment to groups."""
    second = 1 - in_first
    return in_first @ means / in_first.sum(1, keepdims=True) - second @ means / second.sum(
        1, keepdims=True
    )


def _interval(
    first: Bool[np.ndarray, " persons"],
    means: Float[np.ndarray, "persons measures"],
    rng: np.random.Generator,
) -> dict[str, list[float]]:
    weights = intervals.resample_weights(first, intervals.RESAMPLES, rng)
    sides = [weights * side for side in (first, ~first)]
    a, b = (side @ means / side.sum(1, keepdims=True) for side in sides)
    observed = _differences(first[None].astype(float), means)[0]
    ranges = [
        intervals.expanded_percentile(estimate, resampled, n_units=len(first), n_strata=2)
        for estimate, resampled in zip(observed, (a - b).T, strict=True)
    ]
    return {"low": [i.low for i in ranges], "high": [i.high for i in ranges]}


def _p_values(
    first: Bool[np.ndarray, " persons"],
    strata: Shaped[np.ndarray, " persons"],
    means: Float[np.ndarray, "persons measures"],
    rng: np.random.Generator,
) -> Float[np.ndarray, " measures"]:
    if not permutation.informative(first, strata).any():
        return np.full(means.shape[1], math.nan)
    labels = permutation.permuted_labels(first, strata, PERMUTATIONS, rng)
    null = _differences(labels.astype(float), means)
    observed = _differences(first[None].astype(float), means)[0]
    return np.array(
        [
            permutation.two_sided_p(estimate, column)
            for estimate, column in zip(observed, null.T, strict=True)
        ]
    )
