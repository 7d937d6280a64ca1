"""A randomisation test: the groups as they are among relabellings that were as likely.

If a group means nothing within databases, its subjects are exchangeable there, and the
statistic of the groups as they are has any rank among those of the relabellings with equal
probability. The level follows from that alone: no variance is estimated, clips of a person may
depend on each other, and every step from drawing to training may be as it likes, as
long as all relabellings go through it (Fisher 1935; Ernst 2004, doi 10.1214/088342304000000396).
Power rests on the number of subjects that can move, and on the statistic.

P values count the observed value in (Phipson and Smyth 2010) and are two-sided by doubling the
smaller tail. A test may stop once both tails have `stop` values as extreme as the
observed one; the p value of a tail is then `stop` over the number of relabellings it took, which
is valid as well (Besag and Clifford 1991, doi 10.1093/biomet/78.2.301), whether the test goes on
for the other tail or not.

The interval inverts the test: it holds every shift which, taken from the observed value, leaves
one that the test does not reject, so it excludes 0 where and only where p is at most
alpha. It assumes that a group adds the same to the statistic whatever the relabelling would have
given without it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ethnicmer_jax.analysis import effects

_DECIMALS = 9
"""Values nearer than that are equal: sums in another order differ in the last bits."""


@dataclasses.dataclass(frozen=True)
class Design:
    """What could be permuted, and how often it was to be.

    Attributes:
      members: subjects of either group in each database.
      planned: relabellings beside the groups as they are.
      stop: values as extreme in both tails after which a test stops; 0 never stops.
    """

    members: Sequence[tuple[int, int]]
    planned: int
    stop: int = 0

    @property
    def n_movable(self) -> int:
        """Subjects who can change groups: those of databases with both."""
        return sum(sum(pair) for pair in self.members if min(pair) > 0)

    @property
    def n_distinct(self) -> float:
        """Relabellings that differ; those that only swap the groups' names are one."""
        ways = math.prod(math.comb(sum(pair), pair[0]) for pair in self.members)
        swapped = self.n_movable > 0 and all(first == second for first, second in self.members)
        return float(ways) / (2 if swapped else 1) if ways < 2**1000 else math.inf

    @property
    def possible(self) -> bool:
        """Whether any outcome could have had a p of `effects.ALPHA` or less."""
        return 2 / min(1 + self.planned, self.n_distinct) <= effects.ALPHA


@dataclasses.dataclass(frozen=True)
class RandomisationTest:
    """A randomisation test.

    Attributes:
      observed: the statistic of the groups as they are.
      excess: observed less the mean over relabellings: what the groups add to what databases,
        matching and chance give. NaN without relabellings.
      low, high: interval of the excess; infinite where the test would reject no shift, as after
        stopping; NaN where the test was not run.
      p_value: two-sided; NaN where the test was not run: see `Design.possible`.
      null: the statistic of the relabellings, in order, NaN left out.
      design: what could be permuted.
      alpha: 1 - coverage of the interval.
    """

    observed: float
    excess: float
    low: float
    high: float
    p_value: float
    null: Float[np.ndarray, " relabellings"]
    design: Design
    alpha: float

    @property
    def run(self) -> bool:
        """Whether there is a p value."""
        return not math.isnan(self.p_value)

    @property
    def stopped(self) -> bool:
        """Whether it ended before all planned relabellings."""
        return len(self.null) < self.design.planned

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval does: the same as a p of at most `alpha`."""
        return self.low > 0 or self.high < 0


def outcome(
    values: Float[np.ndarray, " relabellings"], design: Design, alpha: float = effects.ALPHA
) -> RandomisationTest:
    """Tests the first value against the others.

    Args:
      values: the statistic of the groups as they are, then of relabellings in order.
      design: what could be permuted.
      alpha: level; the interval covers 1 - alpha.
    """
    values = np.round(values, _DECIMALS)
    observed, null = float(values[0]), values[1:][~np.isnan(values[1:])]
    excess = observed - float(null.mean()) if len(null) else math.nan
    p_value = low = high = math.nan
    if design.possible and not math.isnan(observed):
        upper, lower = _tail(observed, null, design), _tail(-observed, -null, design)
        p_value = min(1.0, 2 * min(upper, lower))
        low = _lower_limit(observed, null, design, alpha)
        high = -_lower_limit(-observed, -null, design, alpha)
    return RandomisationTest(observed, excess, low, high, p_value, null, design, alpha)


def finished(values: Float[np.ndarray, " relabellings"], design: Design) -> bool:
    """Whether a test needs no more relabellings.

    Args:
      values: so far, as for `outcome`.
      design: with `stop`.
    """
    values = np.round(values, _DECIMALS)
    null = values[1:][~np.isnan(values[1:])]
    if len(values) > design.planned or math.isnan(values[0]):
        return True
    fewest = min(np.count_nonzero(null >= values[0]), np.count_nonzero(null <= values[0]))
    return bool(design.stop and fewest >= design.stop)


def taken(values: Float[np.ndarray, " relabellings"], design: Design) -> int:
    """How many of the values a test looks at before it is finished; all, where it is not.

    Args:
      values: as for `outcome`.
      design: with `stop`.
    """
    values = np.round(values, _DECIMALS)
    above, below = (np.cumsum(hits) for hits in (values[1:] >= values[0], values[1:] <= values[0]))
    enough = np.minimum(above, below) >= design.stop
    return 2 + int(np.argmax(enough)) if design.stop and enough.any() else len(values)


def stop_of_decision(planned: int, alpha: float = effects.ALPHA) -> int:
    """Values as extreme in either tail with which the full test would not reject; at least 1.

    Stopped after so many, a test rejects where the full one does, if alpha (1 + planned) / 2 is
    a whole number; otherwise it rejects a little more often, at the same level.
    """
    counts = np.arange(planned + 1)
    return max(1, int(np.argmax(2 * (1 + counts) / (1 + planned) > alpha)))


def _tail(observed: float, null: np.ndarray, design: Design) -> float:
    """The p value of values as large as the observed one.

    Where the other tail kept the test waiting, or ended it, this is the p value of having
    looked at this tail alone, or a bound on what more relabellings would have made of it.
    """
    return _tail_of(np.flatnonzero(null >= observed), len(null), design)


def _tail_of(hits: np.ndarray, count: int, design: Design) -> float:
    stop = design.stop
    if stop and len(hits) >= stop:
        return float(stop / (1 + hits[stop - 1]))
    if stop and count < design.planned:
        return min(1.0, stop / (1 + count))
    return (1 + len(hits)) / (1 + count)


def _lower_limit(observed: float, null: np.ndarray, design: Design, alpha: float) -> float:
    """The smallest shift that the upper tail does not reject; -inf where it rejects none.

    The upper tail of observed - shift changes where a relabelling's value is reached, and
    grows with the shift.
    """
    if 2 * _tail_of(np.zeros(0, int), len(null), design) > alpha:
        return -math.inf
    for value in np.unique(null)[::-1]:
        if 2 * _tail(value, null, design) > alpha:
            # Of numbers of so few decimals, which are equal where they are printed alike.
            return round(observed - float(value), _DECIMALS)
    return math.inf
