"""The contrasts of a study: in each draw, who stands on which of two sides.

`ethnicity` is the question; the others ask whether its answer is one of ethnicity, of
database, of the annotation, or of chance. A contrast only assigns; `protocols.study`
draws subjects, matches them and lays out the folds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from jaxtyping import Int, Shaped

from ethnicmer_jax.base.contrast_roles import (
    DATABASE,
    FAMILIES,
    FLIPPED,
    MAIN,
    PLACEBO,
    REFERENCE,
    regrouped,
    within,
)
from ethnicmer_jax.base.grouping import GROUPINGS, grouping
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols.request import Request

_MIXED_FROM = 8
"""Subjects of a side within a database from which on a mixture of halves says something."""

Sides = Int[np.ndarray, " clips"]
"""Side of each clip: 0, 1, or -1 for neither; constant within a person."""

Assign = Callable[[np.random.Generator], Sides]


@dataclasses.dataclass(frozen=True)
class Contrast:
    """One comparison of two sides; what it is there for, `contrast_roles` says of its name.

    Attributes:
      name: as in run ids.
      sides: names of the sides.
      assign: the sides of one draw, from the draw's own generator.
      stratum: what a draw balances between the sides where both have it.
      draws: how many draws there are.
      required: whether there must be every draw, of as many subjects as are asked for; the
        draws of others are as large as they can be, and end where there are no more.
      stereo: whether the sides are mixed as well.
      like: the contrast whose subjects and class counts a draw imitates, if any.
      paired: whether every subject has strangers' models of their own, which lack as many
        clips of each class as their LOSO model does (see `study`).
    """

    name: str
    sides: tuple[str, str]
    assign: Assign
    stratum: Shaped[np.ndarray, " clips"]
    draws: int
    required: bool = False
    stereo: bool = True
    like: Contrast | None = None
    paired: bool = False


def named(request: Request) -> Iterator[Contrast]:
    """The contrasts that a protocol config asks for and its data allow.

    Args:
      request: with a grouping of two groups; all contrasts where `protocol.contrasts` is
        empty.

    Raises:
      UserError: a contrast is not known or not possible, or the grouping has more than
        two groups.
    """
    protocol = request.protocol
    wanted = tuple(protocol.contrasts) or FAMILIES
    unknown = set(wanted) - set(FAMILIES)
    if unknown:
        raise UserError(
            f"protocol.contrasts names {', '.join(sorted(unknown))}; choose from {FAMILIES}"
        )
    main = between_groups(request)
    fewer = min(protocol.draws, protocol.control_draws)
    families: dict[str, Callable[[], Iterable[Contrast]]] = {
        MAIN: lambda: [main],
        "within": lambda: _within(main, request.group, request.dataset),
        PLACEBO: lambda: [_placebo(main, request)],
        DATABASE: lambda: _databases(main, request, fewer),
        FLIPPED: lambda: [_flipped(main, request, fewer)],
        "grouping": lambda: _groupings(main, request, fewer),
        REFERENCE: lambda: [],
    }
    for family in FAMILIES:
        possible = list(families[family]()) if family in wanted else []
        if not possible and family in protocol.contrasts and family != REFERENCE:
            raise UserError(
                f"protocol.contrasts names {family}, for which these data have too few "
                "databases, subjects or ethnicities; leave it out"
            )
        yield from possible


def between_groups(request: Request) -> Contrast:
    """The main contrast.

    Raises:
      UserError: the grouping has not two groups.
    """
    chosen = request.grouping
    if len(chosen.names) != 2:
        raise UserError(f"a study compares two groups, and {chosen.name} has {len(chosen.names)}")
    return Contrast(
        MAIN,
        chosen.names,
        _always(request.group),
        request.dataset.database,
        request.protocol.draws,
        required=True,
    )


def with_sides(contrast: Contrast, side: Sides) -> Contrast:
    """The same comparison of other sides, without a mixture."""
    return dataclasses.replace(contrast, assign=_always(side), stereo=False)


def _within(whole: Contrast, side: Sides, dataset: Dataset) -> Iterator[Contrast]:
    """A contrast in one database, for each that has two subjects or more of both."""
    for database in np.unique(dataset.database):
        inside = np.where(dataset.database == database, side, -1)
        fewest = min(len(np.unique(dataset.person[inside == s])) for s in (0, 1))
        if fewest > 1:
            yield dataclasses.replace(
                whole,
                name=within(str(database), whole.name),
                assign=_always(inside),
                required=False,
                stereo=fewest >= _MIXED_FROM,
                # One database has few subjects: what leaving one out takes away matters.
                paired=True,
            )


def _placebo(main: Contrast, request: Request) -> Contrast:
    """Every draw splits each real group within each database at random into two halves."""
    side, dataset = request.group, request.dataset
    stratum = np.char.add(np.char.add(side.astype(str), "/"), dataset.database)
    person, first, clips = np.unique(dataset.person, return_index=True, return_inverse=True)

    def assign(rng: np.random.Generator) -> Sides:
        half = np.full(len(person), -1)
        # The odd ones of the strata take turns, so that the halves stay of one size.
        turn = rng.integers(2)
        for name in np.unique(stratum[first][side[first] >= 0]):
            members = rng.permutation(np.flatnonzero(stratum[first] == name))
            half[members] = (turn + np.arange(len(members))) % 2
            turn += len(members)
        return half[clips]

    return Contrast(PLACEBO, ("a", "b"), assign, stratum, main.draws, stereo=False, like=main)


def _databases(main: Contrast, request: Request, draws: int) -> Iterator[Contrast]:
    """The two databases with most subjects, as if they were groups."""
    clips, dataset = request.clips, request.dataset
    names = np.unique(dataset.database[clips])
    if len(names) < 2:
        return
    people = [len(np.unique(dataset.person[clips & (dataset.database == n)])) for n in names]
    a, b = sorted(names[np.argsort(people, kind="stable")[-2:]])
    side = np.where(dataset.database == a, 0, np.where(dataset.database == b, 1, -1))
    assign = _always(np.where(clips, side, -1))
    yield Contrast(DATABASE, ("a", "b"), assign, main.stratum, draws, stereo=False)


def _flipped(main: Contrast, request: Request, draws: int) -> Contrast:
    """Every draw puts some subjects on the wrong side: errors of the annotator."""
    side, rate = request.group, request.protocol.flip_rate
    person, clips = np.unique(request.dataset.person, return_inverse=True)
    if not 0 <= rate <= 1:
        raise UserError(f"protocol.flip_rate is {rate}; it lies in [0, 1]")

    def assign(rng: np.random.Generator) -> Sides:
        wrong = (rng.random(len(person)) < rate)[clips]
        return np.where(wrong & (side >= 0), 1 - side, side)

    return dataclasses.replace(
        main, name=FLIPPED, assign=assign, draws=draws, required=False, stereo=False
    )


def _groupings(main: Contrast, request: Request, draws: int) -> Iterator[Contrast]:
    """The groupings that are not configured, where they change anybody's side."""
    seen = [request.group]
    for name in GROUPINGS:
        other = dataclasses.replace(request, grouping=grouping(name))
        if any(np.array_equal(other.group, side) for side in seen):
            continue
        seen.append(other.group)
        first, second = other.grouping.names
        contrast = dataclasses.replace(
            main,
            name=regrouped(name),
            sides=(first, second),
            assign=_always(other.group),
            draws=draws,
            required=False,
        )
        yield contrast
        yield from _within(contrast, other.group, request.dataset)


def _always(side: Sides) -> Assign:
    return lambda rng: side
