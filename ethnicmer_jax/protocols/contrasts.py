"""The contrasts of a study: in each draw, who stands on which of two sides.

`ethnicity` is the question; the others ask whether its answer is one of ethnicity, of
database, of the annotation, or of chance. A contrast only assigns; `protocols.study`
draws subjects, matches them and lays out the folds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import ml_collections
import numpy as np

from ethnicmer_jax.base.contrast_roles import DATABASE, FLIPPED, MAIN, PLACEBO, regrouped, within
from ethnicmer_jax.base.grouping import GROUPINGS, Grouping, grouping
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset

FAMILIES = ("ethnicity", "within", "placebo", "database", "flipped", "grouping", "reference")
"""What `protocol.contrasts` may name; `within` and `grouping` stand for several each."""

_MIXED_FROM = 8
"""Subjects of a side within a database from which on a mixture of halves says something."""

Assign = Callable[[np.random.Generator], np.ndarray]
"""Side of each clip, int [n]: 0, 1, or -1 for neither; constant within a person."""


@dataclasses.dataclass(frozen=True)
class Contrast:
    """One comparison of two sides.

    Attributes:
      name: as in run ids.
      sides: names of the sides.
      assign: the sides of one draw, from the draw's own generator.
      stratum: str [n], what a draw balances between the sides where both have it.
      draws: how many draws there are.
      stereo: whether the sides are mixed as well.
      like: the contrast whose subjects and class counts a draw imitates, if any.
      paired: whether every subject has strangers' models of their own, which lack as many
        clips of each class as their LOSO model does (see `study`).
    """

    name: str
    sides: tuple[str, str]
    assign: Assign
    stratum: np.ndarray
    draws: int
    stereo: bool = True
    like: Contrast | None = None
    paired: bool = False


def named(
    protocol: ml_collections.ConfigDict, dataset: Dataset, clips: np.ndarray, chosen: Grouping
) -> Iterator[Contrast]:
    """The contrasts that a protocol config asks for and its data allow.

    Args:
      protocol: `config.protocol`; without `contrasts`, all of them.
      dataset: n clips.
      clips: bool [n], those that take part.
      chosen: the configured grouping, of two groups.

    Raises:
      UserError: a contrast is not known or not possible, or the grouping has more than
        two groups.
    """
    wanted = tuple(protocol.contrasts) or FAMILIES
    unknown = set(wanted) - set(FAMILIES)
    if unknown:
        raise UserError(
            f"protocol.contrasts names {', '.join(sorted(unknown))}; choose from {FAMILIES}"
        )
    if len(chosen.names) != 2:
        raise UserError(f"a study compares two groups, and {chosen.name} has {len(chosen.names)}")
    side = np.where(clips, chosen.indices(dataset.ethnicity), -1)
    main = Contrast(MAIN, chosen.names, _always(side), dataset.database, protocol.draws)
    fewer = min(protocol.draws, protocol.control_draws)
    made = {
        "ethnicity": lambda: [main],
        "within": lambda: _within(main, side, dataset),
        "placebo": lambda: [_placebo(main, side, dataset)],
        "database": lambda: _databases(main, clips, dataset, fewer),
        "flipped": lambda: [_flipped(main, side, dataset, protocol.flip_rate, fewer)],
        "grouping": lambda: _groupings(main, side, clips, dataset, fewer),
        "reference": lambda: [],
    }
    for family in FAMILIES:
        found = list(made[family]()) if family in wanted else []
        if not found and family in protocol.contrasts and family != "reference":
            raise UserError(
                f"protocol.contrasts names {family}, for which these data have too few "
                "databases, subjects or ethnicities; leave it out"
            )
        yield from found


def _within(main: Contrast, side: np.ndarray, dataset: Dataset) -> Iterator[Contrast]:
    """The same groups in one database, for each that has two subjects or more of both."""
    for database in np.unique(dataset.database):
        inside = np.where(dataset.database == database, side, -1)
        fewest = min(len(np.unique(dataset.person[inside == s])) for s in (0, 1))
        if fewest > 1:
            yield dataclasses.replace(
                main,
                name=within(str(database), main.name),
                assign=_always(inside),
                stereo=fewest >= _MIXED_FROM,
                # One database has few subjects: what leaving one out takes away matters.
                paired=True,
            )


def _placebo(main: Contrast, side: np.ndarray, dataset: Dataset) -> Contrast:
    """Every draw splits each real group within each database at random into two halves."""
    stratum = np.char.add(np.char.add(side.astype(str), "/"), dataset.database)
    person, first, clips = np.unique(dataset.person, return_index=True, return_inverse=True)

    def assign(rng: np.random.Generator) -> np.ndarray:
        made = np.full(len(person), -1)
        # The odd ones of the strata take turns, so that the halves stay of one size.
        turn = rng.integers(2)
        for name in np.unique(stratum[first][side[first] >= 0]):
            mine = rng.permutation(np.flatnonzero(stratum[first] == name))
            made[mine] = (turn + np.arange(len(mine))) % 2
            turn += len(mine)
        return made[clips]

    return Contrast(PLACEBO, ("a", "b"), assign, stratum, main.draws, False, like=main)


def _databases(
    main: Contrast, clips: np.ndarray, dataset: Dataset, draws: int
) -> Iterator[Contrast]:
    """The two databases with most subjects, as if they were groups."""
    names = np.unique(dataset.database[clips])
    if len(names) < 2:
        return
    people = [len(np.unique(dataset.person[clips & (dataset.database == n)])) for n in names]
    a, b = sorted(names[np.argsort(people, kind="stable")[-2:]])
    side = np.where(dataset.database == a, 0, np.where(dataset.database == b, 1, -1))
    assign = _always(np.where(clips, side, -1))
    yield Contrast(DATABASE, ("a", "b"), assign, main.stratum, draws, False)


def _flipped(
    main: Contrast, side: np.ndarray, dataset: Dataset, rate: float, draws: int
) -> Contrast:
    """Every draw puts some subjects on the wrong side: errors of the annotator."""
    person, clips = np.unique(dataset.person, return_inverse=True)
    if not 0 <= rate <= 1:
        raise UserError(f"protocol.flip_rate is {rate}; it lies in [0, 1]")

    def assign(rng: np.random.Generator) -> np.ndarray:
        wrong = (rng.random(len(person)) < rate)[clips]
        return np.where(wrong & (side >= 0), 1 - side, side)

    return dataclasses.replace(main, name=FLIPPED, assign=assign, draws=draws, stereo=False)


def _groupings(
    main: Contrast, side: np.ndarray, clips: np.ndarray, dataset: Dataset, draws: int
) -> Iterator[Contrast]:
    """The groupings that are not configured, where they change anybody's side."""
    seen = [side]
    for name in GROUPINGS:
        other = grouping(name)
        sides = np.where(clips, other.indices(dataset.ethnicity), -1)
        if any(np.array_equal(sides, one) for one in seen):
            continue
        seen.append(sides)
        contrast = dataclasses.replace(
            main, name=regrouped(name), sides=other.names, assign=_always(sides), draws=draws
        )
        yield contrast
        yield from _within(contrast, sides, dataset)


def _always(side: np.ndarray) -> Assign:
    return lambda rng: side
