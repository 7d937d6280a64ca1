"""How well intervals are found, as the Micro-Expression Grand Challenge (MEGC) counts it.

A found interval is a true positive if it overlaps with an interval that is really there by at
least half of their union; each is matched once. True and false positives and misses are added up
over all recordings, as if they were one, and F1 follows from the sums (MEGC 2019 to 2022: Li et
al. 2019, arXiv 1812.10306; He et al. 2020, arXiv 1912.11985).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

OVERLAP = 0.5
"""Least intersection over union of a true positive."""


@dataclasses.dataclass(frozen=True)
class Counts:
    """Hits and errors of a number of recordings; they add up."""

    true_positives: int = 0
    false_positives: int = 0
    misses: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.misses + other.misses,
        )

    @property
    def precision(self) -> float:
        """Share of what was found that is there; NaN where nothing was found."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of what is there that was found; NaN where nothing is there."""
        return _share(self.true_positives, self.true_positives + self.misses)

    @property
    def f1(self) -> float:
        """Their harmonic mean; NaN where nothing is there and nothing was found."""
        twice = 2 * self.true_positives
        return _share(twice, twice + self.false_positives + self.misses)


def overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Intersection over union of two intervals of frames, the last frames included; 0 to 1."""
    common = min(one[1], other[1]) - max(one[0], other[0]) + 1
    if common <= 0:
        return 0.0
    return common / (one[1] - one[0] + other[1] - other[0] + 2 - common)


def count(
    found: Sequence[tuple[int, int]], there: Sequence[tuple[int, int]], least: float = OVERLAP
) -> Counts:
    """Matches the intervals of one recording.

    Pairs are matched from the largest overlap down.

    Args:
      found: first and last frame of each interval that was found.
      there: of each that is really there.
      least: intersection over union from which on it is a hit.
    """
    pairs = sorted(
        ((overlap(f, t), i, j) for i, f in enumerate(found) for j, t in enumerate(there)),
        key=lambda pair: (-pair[0], pair[1:]),
    )
    taken: tuple[set[int], set[int]] = set(), set()
    for share, i, j in pairs:
        if share >= least and i not in taken[0] and j not in taken[1]:
            taken[0].add(i)
            taken[1].add(j)
    hits = len(taken[0])
    return Counts(hits, len(found) - hits, len(there) - hits)


def total(counts: Iterable[Counts]) -> Counts:
    """All recordings as if they were one."""
    return sum(counts, Counts())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else np.nan
