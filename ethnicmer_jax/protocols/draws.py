"""Which subjects, and which of their clips, take part in mono and stereo runs.

The comparison of Khor et al. 2025: n subjects of one group, n of the other, and
n/2 + n/2 of both. Their single draw is here for parity; ours are seeded, many, and
matched, so that the arms differ in ethnicity and not in class balance or size.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Int, Shaped

from ethnicmer_jax.base.run_id import STEREO, mono
from ethnicmer_jax.base.schema import UserError

Arms = dict[str, Bool[np.ndarray, " clips"]]
"""Arm -> its clips."""

ARMS = (mono("asian"), mono("non_asian"), STEREO)


@dataclasses.dataclass(frozen=True)
class Pool:
    """What a draw is made from.

    Attributes:
      person: str, "database/subject" per clip, in file order.
      group: 0 Asian, 1 Non-Asian (or any two sides), -1 excluded; constant within a person.
      emotion: class index.
      stratum: what `seeded` balances between the groups as far as both have it, such as
        the database; constant within a person. None balances nothing.
    """

    person: Shaped[np.ndarray, " clips"]
    group: Int[np.ndarray, " clips"]
    emotion: Int[np.ndarray, " clips"]
    stratum: Shaped[np.ndarray, " clips"] | None = None

    def persons(self, group: int) -> Shaped[np.ndarray, " persons"]:
        """The group's persons in order of first appearance."""
        members = self.person[self.group == group]
        _, first = np.unique(members, return_index=True)
        return members[np.sort(first)]

    def strata(self, persons: Shaped[np.ndarray, " persons"]) -> Shaped[np.ndarray, " persons"]:
        """The stratum of each of some persons."""
        assert self.stratum is not None, "asked for where a draw balances strata"
        _, first = np.unique(self.person, return_index=True)
        return self.stratum[first[np.searchsorted(np.unique(self.person), persons)]]

    def largest_arm(self) -> int:
        """As many subjects, an even number, as both groups have; at least 2."""
        return max(2, min(len(self.persons(group)) for group in (0, 1)) // 2 * 2)


def reference(pool: Pool, per_arm: int = 16) -> Arms:
    """The one draw of the reference: legacy NumPy seed 42, in its order of calls.

    Args:
      pool: the three-class pool in file order, CASME II first (290 clips).
      per_arm: subjects in a mono arm; half of each group make the stereo arm.

    Returns:
      The arms: 101, 90 and 100 of the reference's 290 clips.
    """
    _require(pool, per_arm)
    legacy = np.random.RandomState(42)
    asian, other = pool.persons(0), pool.persons(1)
    drawn_asian = legacy.choice(asian, per_arm, replace=False)
    drawn_other = legacy.choice(other, per_arm, replace=False)
    mixed_other = legacy.choice(other, per_arm // 2, replace=False)
    mixed_asian = legacy.choice(asian, per_arm // 2, replace=False)
    return {
        ARMS[0]: np.isin(pool.person, drawn_asian),
        ARMS[1]: np.isin(pool.person, drawn_other),
        ARMS[2]: np.isin(pool.person, np.concatenate([mixed_other, mixed_asian])),
    }


def seeded(pool: Pool, per_arm: int, rng: np.random.Generator) -> Arms:
    """A random draw; the stereo arm mixes half of the persons of both mono arms.

    Args:
      pool: what to draw from.
      per_arm: subjects an arm (even); 0 takes as many as the smaller group has.
      rng: the draw's own generator.

    Returns:
      The three arms.

    Raises:
      UserError: a group has fewer persons than asked for.
    """
    per_arm = per_arm or pool.largest_arm()
    _require(pool, per_arm)
    drawn = [rng.permutation(np.sort(pool.persons(group))) for group in (0, 1)]
    if pool.stratum is not None:
        drawn = _alike(drawn, [pool.strata(persons) for persons in drawn], per_arm, rng)
    drawn = [persons[:per_arm] for persons in drawn]
    half = [persons[: per_arm // 2] for persons in drawn]
    return {
        ARMS[0]: np.isin(pool.person, drawn[0]),
        ARMS[1]: np.isin(pool.person, drawn[1]),
        ARMS[2]: np.isin(pool.person, np.concatenate(half)),
    }


def _alike(
    persons: list[np.ndarray],
    strata: list[np.ndarray],
    per_arm: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """`per_arm` persons of either group, as alike in stratum as can be, in the given order."""
    names = np.unique(np.concatenate(strata))
    shared = [min(int((own == name).sum()) for own in strata) for name in names]
    chosen = rng.permutation(np.repeat(names, shared))[:per_arm]

    def taken(members: np.ndarray, stratum: np.ndarray) -> np.ndarray:
        alike = np.zeros(len(members), bool)
        for name in names:
            alike[np.flatnonzero(stratum == name)[: (chosen == name).sum()]] = True
        others = np.flatnonzero(~alike)
        return members[
            np.sort(np.concatenate([np.flatnonzero(alike), others[: per_arm - alike.sum()]]))
        ]

    return [taken(*group) for group in zip(persons, strata, strict=True)]


def matched(
    pool: Pool,
    arms: Arms,
    rng: np.random.Generator,
    at_most: Int[np.ndarray, " classes"] | None = None,
) -> Arms:
    """Thins the arms until every class has the same number of clips in each.

    Within a class, clips are taken from the persons who have most of it first, so
    that as many persons as possible stay in the arm.

    Args:
      pool: as for `seeded`.
      arms: arm -> its clips.
      rng: breaks ties.
      at_most: no more clips of a class than this.

    Returns:
      Subsets of `arms` with equal class counts.
    """
    classes = np.unique(pool.emotion)
    counts = [class_counts(pool.emotion, mask) for mask in arms.values()]
    quota = np.min(counts if at_most is None else [*counts, at_most], axis=0)
    return {
        arm: np.logical_or.reduce(
            [_thin(pool.person, mask & (pool.emotion == c), int(quota[c]), rng) for c in classes]
        )
        for arm, mask in arms.items()
    }


def class_counts(
    emotion: Int[np.ndarray, " clips"], mask: Bool[np.ndarray, " clips"]
) -> Int[np.ndarray, " classes"]:
    """Clips of each class of `emotion` within a mask."""
    return np.bincount(emotion[mask], minlength=int(emotion.max()) + 1)


def _thin(person: np.ndarray, mask: np.ndarray, quota: int, rng: np.random.Generator) -> np.ndarray:
    """Keeps `quota` of the clips in `mask`: each person's k-th clip before any (k+1)-th."""
    clips = rng.permutation(np.flatnonzero(mask))
    turn = np.zeros(len(clips), int)
    for name in np.unique(person[clips]):
        own = person[clips] == name
        turn[own] = np.arange(own.sum())
    kept = np.zeros_like(mask)
    kept[clips[np.argsort(turn, kind="stable")[:quota]]] = True
    return kept


def _require(pool: Pool, per_arm: int) -> None:
    if per_arm < 2 or per_arm % 2:
        raise UserError(f"protocol.subjects is {per_arm}; it must be an even number, 2 or more")
    for group, name in enumerate(("asian", "non_asian")):
        found = len(pool.persons(group))
        if found < per_arm:
            raise UserError(
                f"{per_arm} {name} subjects are asked for and {found} are there; "
                f"lower protocol.subjects, or use 0 for as many as both groups have"
            )
