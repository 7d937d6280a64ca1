"""Do maps fall on other regions of the face in one group than in the other? By subject.

A subject's value is the mean over their clips; the statistic is the difference of the
groups' means over subjects. P-values come from permuting groups among the subjects of
each database, and among all subjects; Holm's correction is over the regions.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import bootstrap, effects, permutation
from ethnicmer_jax.analysis.counts import databases
from ethnicmer_jax.explain import by_subject
from ethnicmer_jax.explain.regions import REGIONS

PERMUTATIONS = 5000


def compare(
    masses: np.ndarray,
    person: np.ndarray,
    group: np.ndarray,
    groups: tuple[str, str],
    seed: int = 0,
) -> pd.DataFrame:
    """Tests every region.

    Args:
      masses: float [n, regions], of n clips; NaN is left out.
      person: str [n], `database/subject`.
      group: str [n]; clips of other groups are left out.
      groups: first and second; the difference is first less second.
      seed: determines permutations and resamples.

    Returns:
      One row a region: region, mean_a, mean_b (over subjects), difference, low, high (95%),
      persons_a, persons_b, p_within (permuted within databases; NaN where no database has
      both groups), p_within_holm, p_unrestricted, p_unrestricted_holm. All numbers are NaN
      where a group has fewer than two subjects.
    """
    kept = np.isin(group, groups)
    persons, values = by_subject.means_by_person(masses[kept], person[kept])
    first = np.isin(persons, np.unique(person[kept & (group == groups[0])]))
    counts = {"persons_a": int(first.sum()), "persons_b": int((~first).sum())}
    if min(counts.values()) < 2:
        missing = ("mean_a", "mean_b", "difference", "low", "high", "p_within", "p_within_holm",
                   "p_unrestricted", "p_unrestricted_holm")  # fmt: skip
        return pd.DataFrame({"region": REGIONS, **counts, **dict.fromkeys(missing, math.nan)})
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "region": REGIONS,
            "mean_a": values[first].mean(0),
            "mean_b": values[~first].mean(0),
            "difference": _differences(first[None].astype(float), values)[0],
            **_interval(first, values, rng),
            **counts,
        }
    )
    strata = {"within": databases(persons), "unrestricted": np.zeros(len(persons))}
    for name, stratum in strata.items():
        p = _p_values(first, stratum, values, rng)
        table[f"p_{name}"] = p
        table[f"p_{name}_holm"] = effects.holm(p)["p_holm"].to_numpy()
    return table


def _differences(in_first: np.ndarray, values: np.ndarray) -> np.ndarray:
    """[B, k] differences of means, for float [B, s] memberships and [s, k] values."""
    second = 1 - in_first
    return in_first @ values / in_first.sum(1, keepdims=True) - second @ values / second.sum(
        1, keepdims=True
    )


def _interval(first: np.ndarray, values: np.ndarray, rng: np.random.Generator) -> dict:
    weights = bootstrap.resample_weights(first, by_subject.RESAMPLES, rng)
    sides = [weights * side for side in (first, ~first)]
    a, b = (side @ values / side.sum(1, keepdims=True) for side in sides)
    observed = _differences(first[None].astype(float), values)[0]
    intervals = [
        bootstrap.expanded_percentile(one, resampled, n_units=len(first), n_strata=2)
        for one, resampled in zip(observed, (a - b).T, strict=True)
    ]
    return {"low": [i.low for i in intervals], "high": [i.high for i in intervals]}


def _p_values(
    first: np.ndarray, strata: np.ndarray, values: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    if not permutation.informative(first, strata).any():
        return np.full(values.shape[1], math.nan)
    labels = permutation.permuted_labels(first, strata, PERMUTATIONS, rng)
    null = _differences(labels.astype(float), values)
    observed = _differences(first[None].astype(float), values)[0]
    return np.array(
        [permutation.two_sided_p(one, column) for one, column in zip(observed, null.T, strict=True)]
    )
