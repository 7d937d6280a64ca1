"""Do two groups show an emotion with different Action Units?

The group is permuted among persons, within one emotion at a time. A group that is
mostly one database differs from the other in coders, camera and instructions too,
so the test that counts permutes within databases; the one across databases is
listed to show what the lack of that control would claim.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy
from jaxtyping import Bool, Float, Shaped

from ethnicmer_jax.analysis import effects, permutation
from ethnicmer_jax.analysis.action_units.coding import CodedClips
from ethnicmer_jax.analysis.counts import databases

COMPARISON_COLUMNS = (
    "emotion",
    "au",
    "n_with_a",
    "n_a",
    "n_with_b",
    "n_b",
    "persons_a",
    "persons_b",
    "difference",
    "cohen_h",
    "odds_ratio",
    "odds_low",
    "odds_high",
    "p_fisher",
    "p_permutation",
    "p_within_database",
)


def compare(
    clips: CodedClips,
    groups: tuple[str, str],
    *,
    min_clips: int = 5,
    n_permutations: int = 10_000,
    alpha: float = effects.ALPHA,
    seed: int = 0,
) -> pd.DataFrame:
    """Tests the prevalence of each unit between two groups, within each emotion.

    Args:
      clips: the coded clips; with `clips.pairs()` this tests co-occurrence.
      groups: a and b; clips of other groups are left out.
      min_clips: units coded in fewer clips of the two groups together are not
        tested; the rule does not look at the groups, so it does not bias the tests.
      n_permutations: of the group among persons.
      alpha: family-wise error rate of Holm's correction.
      seed: determines the permutations.

    Returns:
      One row per (emotion, au), COMPARISON_COLUMNS and p_holm, reject:
      n_with and n count clips, persons_a and persons_b the persons who show the unit;
      difference is prevalence in a less that in b; odds_low and odds_high and
      p_fisher take clips as independent; p_permutation permutes across databases,
      p_within_database within them (NaN where no database has both groups); p_holm
      is p_within_database corrected over the whole table, reject p_holm <= alpha.

    Raises:
      ValueError: somebody is in both groups.
    """
    kept = clips.select(np.isin(clips.group, groups))
    rng = np.random.default_rng(seed)
    tables = [
        _compare(cell, groups, min_clips, n_permutations, rng).assign(emotion=emotion)
        for emotion, cell in kept.by_emotion()
        if set(cell.group) == set(groups)
    ]
    # An emotion without a common unit has columns of no type, which would make floats of units.
    tables = [made for made in tables if not made.empty]
    empty = pd.DataFrame(columns=COMPARISON_COLUMNS)
    table = pd.concat(tables, ignore_index=True) if tables else empty
    corrected = effects.holm(table["p_within_database"].to_numpy(np.float64), alpha)
    return table[list(COMPARISON_COLUMNS)].assign(
        p_holm=corrected["p_holm"], reject=corrected["reject"]
    )


def _compare(
    cell: CodedClips,
    groups: tuple[str, str],
    min_clips: int,
    n_permutations: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """The rows of one emotion."""
    persons, n_clips, hits = cell.per_person()
    common = hits.sum(axis=0) >= min_clips
    hits = hits[:, common]
    in_a = permutation.in_first_group(persons, cell.person, cell.group == groups[0], groups)

    def differences(labels: np.ndarray) -> np.ndarray:
        """Prevalence among the labelled persons less that among the rest, [B, k]."""
        sides = [(side @ hits) / (side @ n_clips)[:, None] for side in (labels, ~labels)]
        return sides[0] - sides[1]

    observed = differences(in_a[None])[0]
    p_values = {
        name: _p_values(observed, in_a, strata, differences, n_permutations, rng)
        for name, strata in (
            ("p_permutation", np.zeros(len(persons))),
            ("p_within_database", databases(persons)),
        )
    }
    return pd.DataFrame(
        {
            "au": [unit for unit, kept in zip(cell.units, common, strict=True) if kept],
            "n_with_a": hits[in_a].sum(axis=0).astype(int),
            "n_a": int(n_clips[in_a].sum()),
            "n_with_b": hits[~in_a].sum(axis=0).astype(int),
            "n_b": int(n_clips[~in_a].sum()),
            "persons_a": (hits[in_a] > 0).sum(axis=0),
            "persons_b": (hits[~in_a] > 0).sum(axis=0),
            "difference": observed,
            **p_values,
        }
    ).pipe(_with_clip_statistics)


def _p_values(
    observed: Float[np.ndarray, " units"],
    in_a: Bool[np.ndarray, " persons"],
    strata: Shaped[np.ndarray, " persons"],
    differences: Callable[[np.ndarray], np.ndarray],
    n_permutations: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, " units"]:
    """Two-sided p of each unit; NaN where no stratum holds both groups."""
    if not permutation.informative(in_a, strata).any():
        return np.full(len(observed), np.nan)
    null = differences(permutation.permuted_labels(in_a, strata, n_permutations, rng))
    return np.array([permutation.two_sided_p(*pair) for pair in zip(observed, null.T, strict=True)])


def _with_clip_statistics(table: pd.DataFrame) -> pd.DataFrame:
    """Adds effect sizes and Fisher's exact test, from the counts of clips."""
    counts = list(table[["n_with_a", "n_a", "n_with_b", "n_b"]].itertuples(index=False, name=None))
    ratios = [effects.odds_ratio((k_a, k_b), (n_a, n_b)) for k_a, n_a, k_b, n_b in counts]
    return table.assign(
        cohen_h=[effects.cohen_h(k_a / n_a, k_b / n_b) for k_a, n_a, k_b, n_b in counts],
        odds_ratio=[ratio.estimate for ratio in ratios],
        odds_low=[ratio.low for ratio in ratios],
        odds_high=[ratio.high for ratio in ratios],
        p_fisher=[
            scipy.stats.fisher_exact([[k_a, n_a - k_a], [k_b, n_b - k_b]]).pvalue
            for k_a, n_a, k_b, n_b in counts
        ],
    )
