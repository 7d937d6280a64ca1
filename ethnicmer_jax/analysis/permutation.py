"""Permutation tests whose unit is the person.

P-values count the observed statistic among the permutations, (1 + count) / (1 + n)
(Phipson and Smyth 2010), so they are valid for any n and never 0. They are
two-sided by doubling the smaller tail, which stays valid when the permutation
distribution is not centred on 0, as with a confounded group.
"""

from __future__ import annotations

import dataclasses
import math
import sys

import numpy as np

from ethnicmer_jax.analysis.confusion import SCORES
from ethnicmer_jax.analysis.counts import SubjectCounts, databases
from ethnicmer_jax.base.predictions import Predictions


@dataclasses.dataclass(frozen=True)
class PermutationTest:
    """The outcome of a permutation test.

    Attributes:
      statistic: on the data as observed.
      p_value: two-sided; NaN where nothing can be permuted.
      null_mean, null_sd: of the statistic over the permutations.
      n_permutations: that gave a defined statistic.
      n_informative: persons whose label can change; 0 means that the data cannot
        tell (a group that is a database is not separable from it).
      n_distinct: distinct relabellings; no p-value can be far below 1 over it.
    """

    statistic: float
    p_value: float
    null_mean: float
    null_sd: float
    n_permutations: int
    n_informative: int
    n_distinct: float

    @property
    def separable(self) -> bool:
        """Whether the design lets the labels move at all."""
        return self.n_informative > 0


def two_sided_p(observed: float, null: np.ndarray) -> float:
    """Twice the smaller tail with the observed value counted in, at most 1.

    Args:
      observed: the statistic.
      null: the statistic under permutation, [n]; NaN is left out.
    """
    null = null[~np.isnan(null)]
    # Equal statistics computed in another order differ in the last bits.
    tolerance = 1e-9 * max(1.0, abs(observed))
    above = 1 + np.count_nonzero(null >= observed - tolerance)
    below = 1 + np.count_nonzero(null <= observed + tolerance)
    return float(min(1.0, 2 * min(above, below) / (1 + len(null))))


def permuted_labels(
    labels: np.ndarray, strata: np.ndarray, n_permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """Labels permuted among the units of each stratum, [B, S].

    Args:
      labels: one label a unit, [S].
      strata: one stratum a unit, [S].
      n_permutations: B.
      rng: the source of randomness.
    """
    labels, strata = np.asarray(labels), np.asarray(strata)
    permuted = np.tile(labels, (n_permutations, 1))
    for stratum in np.unique(strata):
        members = strata == stratum
        permuted[:, members] = rng.permuted(permuted[:, members], axis=1)
    return permuted


def informative(labels: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Whether each unit's stratum holds more than one label, bool [S]."""
    labels, strata = np.asarray(labels), np.asarray(strata)
    mixed = [s for s in np.unique(strata) if len(np.unique(labels[strata == s])) > 1]
    return np.isin(strata, mixed)


def group_difference(
    predictions: Predictions,
    group: np.ndarray,
    groups: tuple[str, str],
    score: str = "uf1",
    *,
    within_database: bool = True,
    n_permutations: int = 2000,
    seed: int = 0,
) -> PermutationTest:
    """Tests score(first group) - score(second group) by relabelling persons.

    Ethnicity is permuted among the persons of each database, so a difference that
    is only one between databases is part of the null distribution. A database
    with one group contributes to the scores but not to the evidence.

    The null is that persons are exchangeable within a database: the same class mix
    as well as the same recognition. UF1 moves with the class mix; `correctness`
    holds class constant.

    Args:
      predictions: one run, or runs to average over (one relabelling for all).
      group: the group of each row, str [n]; rows of other groups are left out.
      groups: the two groups to compare.
      score: a key of `confusion.SCORES`.
      within_database: False permutes across databases, which tests group and
        database together; for comparison only.
      n_permutations: B.
      seed: determines the permutations.

    Raises:
      ValueError: somebody is in both groups, or a group is empty.
    """
    kept = np.isin(group, groups)
    predictions, group = predictions.select(kept), np.asarray(group)[kept]
    subjects = SubjectCounts.of(predictions)
    in_first = in_first_group(subjects.persons, predictions.person, group == groups[0], groups)
    persons = subjects.persons
    strata = databases(persons) if within_database else np.zeros(len(persons))

    def statistic(labels: np.ndarray) -> np.ndarray:
        first, second = (subjects.scores(side, SCORES[score]) for side in (labels, ~labels))
        return first - second

    rng = np.random.default_rng(seed)
    null = statistic(permuted_labels(in_first, strata, n_permutations, rng))
    observed = float(statistic(in_first[None])[0])
    return _outcome(observed, null, informative(in_first, strata), _relabellings(in_first, strata))


def model_difference(
    a: Predictions,
    b: Predictions,
    score: str = "uf1",
    *,
    n_permutations: int = 2000,
    seed: int = 0,
) -> PermutationTest:
    """Tests score(a) - score(b) on the same clips by swapping whole persons.

    Where both models are equally good, exchanging a person's predictions under a
    and b changes nothing.

    Args:
      a: one or more runs.
      b: as many runs, on the same clips, paired in order.
      score: a key of `confusion.SCORES`.
      n_permutations: B.
      seed: determines the swaps.

    Raises:
      ValueError: classes, number of runs or clips differ.
    """
    if a.classes != b.classes or len(a.runs) != len(b.runs):
        raise ValueError("a and b need the same classes and the same number of runs")
    for run_a, run_b in zip(a.by_run(), b.by_run(), strict=True):
        if sorted(run_a[1].key) != sorted(run_b[1].key):
            raise ValueError(f"runs {run_a[0]!r} and {run_b[0]!r} were tested on different clips")
    sides = [SubjectCounts.of(side) for side in (a, b)]
    both = np.concatenate([side.counts for side in sides], axis=1)
    stacked = SubjectCounts(np.concatenate([side.persons for side in sides]), both)

    def statistic(swap: np.ndarray) -> np.ndarray:
        left = np.concatenate([~swap, swap], axis=1)
        first, second = (stacked.scores(side, SCORES[score]) for side in (left, ~left))
        return first - second

    n_persons = len(sides[0].persons)
    rng = np.random.default_rng(seed)
    null = statistic(rng.random((n_permutations, n_persons)) < 0.5)
    observed = float(statistic(np.zeros((1, n_persons), bool))[0])
    differs = (sides[0].counts != sides[1].counts).any(axis=(0, 2, 3))
    return _outcome(observed, null, differs, 2.0 ** np.count_nonzero(differs))


def in_first_group(
    persons: np.ndarray, person: np.ndarray, in_first: np.ndarray, groups: tuple[str, str]
) -> np.ndarray:
    """Lifts a label of rows to the persons they belong to.

    Args:
      persons: everybody, sorted, str [S].
      person: whose each row is, str [n].
      in_first: whether each row is in the first group, not the second, bool [n].
      groups: names for messages.

    Returns:
      Whether each person is in the first group, bool [S].

    Raises:
      ValueError: somebody is in both groups, or a group is empty.
    """
    index = np.searchsorted(persons, person.astype(str))
    n_rows = np.bincount(index, minlength=len(persons))
    n_first = np.bincount(index, weights=in_first, minlength=len(persons))
    torn = (n_first > 0) & (n_first < n_rows)
    if torn.any():
        raise ValueError(f"{persons[torn][0]} is in both groups: the label is one a person")
    first = n_first > 0
    for name, members in zip(groups, (first, ~first), strict=True):
        if not members.any():
            raise ValueError(f"nobody is in group {name!r}")
    return first


def _relabellings(labels: np.ndarray, strata: np.ndarray) -> float:
    """The number of distinct relabellings; inf where a float cannot hold it."""
    members = [labels[strata == stratum] for stratum in np.unique(strata)]
    product = math.prod(math.comb(len(part), int(part.sum())) for part in members)
    return float(product) if product <= sys.float_info.max else math.inf


def _outcome(
    observed: float, null: np.ndarray, movable: np.ndarray, n_distinct: float
) -> PermutationTest:
    defined = null[~np.isnan(null)]
    n_informative = int(np.count_nonzero(movable))
    testable = n_informative > 0 and len(defined) > 0 and not math.isnan(observed)
    return PermutationTest(
        statistic=observed,
        p_value=two_sided_p(observed, null) if testable else math.nan,
        null_mean=float(defined.mean()) if len(defined) else math.nan,
        null_sd=float(defined.std()) if len(defined) else math.nan,
        n_permutations=len(defined),
        n_informative=n_informative,
        n_distinct=n_distinct,
    )
