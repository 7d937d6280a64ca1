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
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Shaped

from ethnicmer_jax.analysis import effects
from ethnicmer_jax.analysis.confusion import SCORES, Score
from ethnicmer_jax.analysis.counts import Counts, databases
from ethnicmer_jax.base.predictions import Predictions


@dataclasses.dataclass(frozen=True)
class PermutationTest:
    """The outcome of a permutation test.

    Attributes:
      statistic: on the data as observed.
      p_value: two-sided; NaN where the test was not run: see `possible`.
      n_permutations: that gave a defined statistic.
      n_informative: persons whose label can change; 0 means that the data cannot
        tell (a group that is a database is not separable from it).
      n_distinct: distinct relabellings.
    """

    statistic: float
    p_value: float
    n_permutations: int
    n_informative: int
    n_distinct: float

    @property
    def separable(self) -> bool:
        """Whether the design lets the labels move at all."""
        return self.n_informative > 0

    @property
    def possible(self) -> bool:
        """Whether any outcome of the test could have had a p of `effects.ALPHA` or less."""
        return 2 / min(1 + self.n_permutations, self.n_distinct) <= effects.ALPHA


def two_sided_p(observed: float, null: Float[np.ndarray, " permutations"]) -> float:
    """Twice the smaller tail with the observed value counted in, at most 1.

    Args:
      observed: the statistic.
      null: the statistic under permutation; NaN is left out.
    """
    null = null[~np.isnan(null)]
    # Equal statistics computed in another order differ in the last bits.
    tolerance = 1e-9 * max(1.0, abs(observed))
    above = 1 + np.count_nonzero(null >= observed - tolerance)
    below = 1 + np.count_nonzero(null <= observed + tolerance)
    return float(min(1.0, 2 * min(above, below) / (1 + len(null))))


def permuted_labels(
    labels: Shaped[np.ndarray, " units"],
    strata: Shaped[np.ndarray, " units"],
    n_permutations: int,
    rng: np.random.Generator,
) -> Shaped[np.ndarray, "permutations units"]:
    """Labels permuted among the units of each stratum.

    Args:
      labels: one label per unit.
      strata: one stratum per unit.
      n_permutations: how many permutations.
      rng: the source of randomness.
    """
    permuted = np.tile(labels, (n_permutations, 1))
    for stratum in np.unique(strata):
        members = strata == stratum
        permuted[:, members] = rng.permuted(permuted[:, members], axis=1)
    return permuted


def informative(
    labels: Shaped[np.ndarray, " units"], strata: Shaped[np.ndarray, " units"]
) -> Bool[np.ndarray, " units"]:
    """Whether each unit's stratum holds more than one label."""
    mixed = [s for s in np.unique(strata) if len(np.unique(labels[strata == s])) > 1]
    return np.isin(strata, mixed)


def group_difference(
    predictions: Predictions,
    group: Shaped[np.ndarray, " rows"],
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
      group: the group of each row, str; rows of other groups are left out.
      groups: the two groups to compare.
      score: a key of `confusion.SCORES`.
      within_database: False permutes across databases, which tests group and
        database together; for comparison only.
      n_permutations: how many permutations.
      seed: determines the permutations.

    Raises:
      ValueError: somebody is in both groups, or a group is empty.
    """
    kept = np.isin(group, groups)
    predictions, group = predictions.select(kept), np.asarray(group)[kept]
    subjects = Counts.of(predictions)
    in_first = in_first_group(subjects.persons, predictions.person, group == groups[0], groups)
    persons = subjects.persons
    strata = databases(persons) if within_database else np.zeros(len(persons))

    def statistic(labels: np.ndarray) -> np.ndarray:
        first, second = (subjects.scores(side, SCORES[score])[0] for side in (labels, ~labels))
        return first - second

    rng = np.random.default_rng(seed)
    null = statistic(permuted_labels(in_first, strata, n_permutations, rng))
    observed = float(statistic(in_first[None])[0])
    return _outcome(observed, null, informative(in_first, strata), _relabellings(in_first, strata))


def swap(
    first: Counts,
    second: Counts,
    scores: Mapping[str, Score],
    *,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> dict[str, PermutationTest]:
    """Tests score(first) - score(second) by swapping the answers to whole persons.

    The null is that of a person's two sets of answers either could have come from either
    model. A person's answers are swapped in all runs at once, so clips of one person stay
    together, as do the runs of a model.

    Args:
      first: the counts of one or more runs.
      second: of as many runs over the same persons and classes; run k is swapped with run k.
      scores: by name.
      n_permutations: how many permutations.
      seed: determines the permutations.

    Raises:
      ValueError: persons, classes or numbers of runs differ.
    """
    same = first.matrices.shape == second.matrices.shape and first.classes == second.classes
    if not same or not np.array_equal(first.persons, second.persons):
        raise ValueError("answers are swapped between as many runs over the same persons")
    both = dataclasses.replace(
        first,
        persons=np.concatenate([first.persons, second.persons]),
        matrices=np.concatenate([first.matrices, second.matrices], axis=1),
    )
    rng = np.random.default_rng(seed)
    swapped = rng.random((1 + n_permutations, len(first.persons))) < 0.5
    swapped[0] = False
    kept, exchanged = np.hstack([~swapped, swapped]), np.hstack([swapped, ~swapped])
    values = both.scores(kept, *scores.values()) - both.scores(exchanged, *scores.values())
    differing = (first.matrices != second.matrices).any(axis=(0, 2, 3))
    n_distinct = math.ldexp(1.0, min(int(differing.sum()), sys.float_info.max_exp - 1))
    return {
        name: _outcome(float(of_score[0]), of_score[1:], differing, n_distinct)
        for name, of_score in zip(scores, values, strict=True)
    }


def in_first_group(
    persons: Shaped[np.ndarray, " persons"],
    person: Shaped[np.ndarray, " rows"],
    in_first: Bool[np.ndarray, " rows"],
    groups: tuple[str, str],
) -> Bool[np.ndarray, " persons"]:
    """Lifts a label of rows to the persons they belong to.

    Args:
      persons: everybody who has rows, sorted, str.
      person: whose each row is, str.
      in_first: whether each row is in the first group, not the second.
      groups: names for messages.

    Returns:
      Whether each person is in the first group.

    Raises:
      ValueError: somebody is in both groups, or a group is empty.
    """
    index = np.searchsorted(persons, person.astype(str))
    n_rows = np.bincount(index)
    n_first = np.bincount(index, weights=in_first)
    torn = (n_first > 0) & (n_first < n_rows)
    if torn.any():
        raise ValueError(f"{persons[torn][0]} is in both groups: the label is one of a person")
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
    test = PermutationTest(
        statistic=observed,
        p_value=math.nan,
        n_permutations=int(np.count_nonzero(~np.isnan(null))),
        n_informative=int(np.count_nonzero(movable)),
        n_distinct=n_distinct,
    )
    if math.isnan(observed) or not test.possible:
        return test
    return dataclasses.replace(test, p_value=two_sided_p(observed, null))
