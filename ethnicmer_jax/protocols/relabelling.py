"""Groups permuted among the subjects of each database: the randomisation test's folds.

Were there nothing to a group within databases, its subjects would be exchangeable there,
and the groups as they are would be one of many relabellings that were as likely. So the
groups as they are (number 0) go through the very procedure of every other relabelling: arms
are drawn and matched anew from the permuted groups, by the random numbers of the draw,
then dealt into folds. Group sizes within databases stay; subjects outside both groups stay
outside.

Matching can leave no two subjects or classes in an arm. Whether it does depends on
the relabelling alone, because its draws have the same random numbers; so the test is among
the relabellings where it does not, and is not run where that holds of the groups as they are.
"""

from __future__ import annotations

import dataclasses
import itertools
import zlib
from collections.abc import Iterator, Mapping

import numpy as np

from ethnicmer_jax.base.contrast_roles import relabelled
from ethnicmer_jax.protocols import contrasts, exchange, study
from ethnicmer_jax.protocols.contrasts import Sides
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.protocols.request import Request
from ethnicmer_jax.protocols.study import Drawn

_TRIES = 5
"""Relabellings looked at for each that is wanted, before there are fewer."""

_STREAM = zlib.crc32(b"relabelling")


@dataclasses.dataclass(frozen=True)
class Relabelling:
    """One way to give the groups to the subjects.

    Attributes:
      number: 0 for the groups as they are.
      drawn: the arms of each draw.
    """

    number: int
    drawn: tuple[Drawn, ...]


def possible(request: Request, wanted: int, draws: int) -> Iterator[Relabelling]:
    """The groups as they are, then `wanted` relabellings; fewer where matching leaves fewer.

    Args:
      request: with a grouping of two groups.
      wanted: relabellings beside the groups as they are.
      draws: of subjects and clips, for each.

    Yields:
      None at all where the groups as they are cannot be drawn.

    Raises:
      UserError: the grouping has not two groups, or a group has too few subjects.
    """
    main = contrasts.between_groups(request)
    seed, found = request.protocol.draw_seed, 0
    for number in range(1 + _TRIES * wanted):
        side = sides(request, seed, number)
        contrast = contrasts.with_sides(main, side)
        drawn = [study.draw(contrast, draw, request) for draw in range(draws)]
        arms = tuple(filter(None, drawn))
        if len(arms) == draws:
            yield Relabelling(number, arms)
            found += 1
        if (number == 0 and not found) or found > wanted:
            return


def sides(request: Request, seed: int, number: int) -> Sides:
    """The side of each clip under one relabelling; it depends on `seed` and `number` alone.

    Args:
      request: with the groups as they are.
      seed: `protocol.draw_seed`.
      number: of the relabelling; 0 changes nothing.
    """
    if number == 0:
        return request.group
    rng = np.random.default_rng([seed, _STREAM, number])
    _, first, clips = np.unique(request.dataset.person, return_index=True, return_inverse=True)
    database, side = request.dataset.database[first], request.group[first].copy()
    for name in np.unique(database):
        members = (database == name) & (side >= 0)
        side[members] = rng.permutation(side[members])
    return side[clips]


def members(request: Request) -> Mapping[str, tuple[int, int]]:
    """Subjects of either group in each database."""
    dataset, group = request.dataset, request.group
    return {
        str(name): tuple(  # type: ignore[misc]
            len(np.unique(dataset.person[(dataset.database == name) & (group == side)]))
            for side in (0, 1)
        )
        for name in np.unique(dataset.database[request.clips])
    }


def rows(relabelling: Relabelling, request: Request, *, folds: int, deals: int) -> FoldTable:
    """The folds of one relabelling: 2K for each draw and deal; see `exchange.rows`.

    Args:
      relabelling: of the subjects of `request`.
      request: with one seed.
      folds: K.
      deals: how often each draw's subjects are dealt into folds.
    """
    names, seed = contrasts.between_groups(request).sides, request.seeds[0]
    tables = [
        exchange.rows(
            relabelled(relabelling.number, deal),
            names,
            drawn.sides,
            request.dataset,
            folds=folds,
            draw=draw,
            seed=seed,
            deal=deal,
        )
        for (draw, drawn), deal in itertools.product(enumerate(relabelling.drawn), range(deals))
    ]
    return FoldTable.concatenate(tables)
