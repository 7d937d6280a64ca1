"""The draws of a study: every contrast's cells, in every draw and seed, as rows of one table.

In each draw of a contrast, equally many subjects of both sides are drawn, alike in
database where both sides have it, and thinned to the same clips of every class. The
cells (`mono`, `stereo`, and who is trained on whom) share these subjects and clips,
so that what differs between cells is the side that was trained on.

A LOSO model lacks its subject's clips, hence what that subject shows most; matched arms
have the same clips of every class, so a model of the other side lacks nothing, which
lowers the own-group advantage. With 16 subjects an arm that is little (placebo draws
measure it). With few, contrasts are `paired`: a model of the other side is trained for
each subject, without as many clips of each class as the subject has.
"""

from __future__ import annotations

import dataclasses
import itertools
import zlib
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool

from ethnicmer_jax.base import labels
from ethnicmer_jax.base.contrast_roles import REFERENCE
from ethnicmer_jax.base.run_id import STEREO, RunId, crossed, mono
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols import arms, contrasts, draws
from ethnicmer_jax.protocols.contrasts import Contrast
from ethnicmer_jax.protocols.draws import Pool
from ethnicmer_jax.protocols.fold_table import FoldRow, FoldTable, from_rows, leave_one_out
from ethnicmer_jax.protocols.request import Layout, Request

_ATTEMPTS = 20
"""Draws made again when matching leaves an arm without two subjects or two classes."""


@dataclasses.dataclass(frozen=True)
class Drawn:
    """One draw of a contrast.

    Attributes:
      sides: the matched clips of each side.
      stereo: matched clips of half of the subjects of both sides; None where
        the contrast does not mix.
      left_out: a subject of each side, then of the mixture: a training set for strangers
        goes without, to be as large as one of LOSO.
      subjects: drawn for each arm; matching may have left some of them without a clip.
    """

    sides: Bool[np.ndarray, "2 clips"]
    stereo: Bool[np.ndarray, " clips"] | None
    left_out: tuple[str, ...]
    subjects: int


def contrast_draws(request: Request) -> Layout:
    """All cells of all contrasts.

    Raises:
      UserError: see `contrasts.named`; or the groups are too small for the main contrast.
    """
    protocol = request.protocol
    tables: list[FoldTable] = []
    notes: list[str] = []
    for contrast in contrasts.named(request):
        drawn, noted = _all_draws(contrast, request)
        notes += noted
        for number, seed in itertools.product(range(len(drawn)), request.seeds):
            tables += _cells(contrast, drawn[number], request.dataset, number, seed)
    if REFERENCE in protocol.contrasts or (protocol.pool and not protocol.contrasts):
        reference = _reference(request)
        tables += reference.tables
        notes += reference.notes
    return Layout(tables, notes)


def draw(contrast: Contrast, number: int, request: Request) -> Drawn | None:
    """One draw; it depends on `protocol.draw_seed`, the contrast's name and `number` alone.

    Returns:
      None where no attempt left two subjects and two classes in every arm.

    Raises:
      UserError: the sides have fewer subjects than asked for.
    """
    protocol, dataset = request.protocol, request.dataset
    like = contrast.like and draw(contrast.like, number, request)
    if contrast.like and not like:
        return None
    at_most = draws.class_counts(dataset.emotion, like.sides[0]) if like else None
    name = zlib.crc32(contrast.name.encode())
    rng = np.random.default_rng([protocol.draw_seed, name, number])
    for _ in range(_ATTEMPTS):
        assigned = contrast.assign(rng)
        pool = Pool(dataset.person, assigned, dataset.emotion, contrast.stratum)
        if not contrast.required and min(len(pool.persons(side)) for side in (0, 1)) < 2:
            continue
        subjects = _size(contrast, pool, like.subjects if like else protocol.subjects)
        chosen = draws.seeded(pool, subjects, rng)
        arm = {name: chosen[name] for name in draws.ARMS[: 3 if contrast.stereo else 2]}
        masks = list(draws.matched(pool, arm, rng, at_most).values())
        if all(_usable(mask, dataset) for mask in masks):
            left_out = [str(rng.choice(np.unique(dataset.person[mask]))) for mask in masks]
            mixture = masks[2] if contrast.stereo else None
            return Drawn(np.stack(masks[:2]), mixture, tuple(left_out), subjects)
    return None


def _all_draws(contrast: Contrast, request: Request) -> tuple[list[Drawn], list[str]]:
    """The draws of a contrast until one is not possible, and a note about them."""
    made, notes, name = [], [], labels.contrast(contrast.name)
    for number in range(contrast.draws):
        drawn = draw(contrast, number, request)
        if drawn is None:
            reason = f"{name}: draw {number} leaves no two subjects and classes in an arm"
            if contrast.required:
                raise UserError(f"{reason}; raise protocol.subjects, or add clips")
            notes.append(f"{reason}; there are {number} draws of it")
            break
        if number == 0:
            parts = zip(contrast.sides, drawn.sides, strict=True)
            described = [
                f"{labels.side(side)}, {arms.describe(mask, request.dataset)}"
                for side, mask in parts
            ]
            notes.append(f"{name}, draw 1 of {contrast.draws}: {'; '.join(described)}")
        made.append(drawn)
    return made, notes


def _size(contrast: Contrast, pool: Pool, most: int) -> int:
    """Subjects of each side: `most`, or as many as both sides have where that is 0.

    Only a required contrast insists on `most`: within one database, say, there are fewer.
    """
    if not most or contrast.required:
        return most or pool.largest_arm()
    return min(most, pool.largest_arm())


def _usable(mask: Bool[np.ndarray, " clips"], dataset: Dataset) -> bool:
    """Whether an arm has two subjects and two classes."""
    return min(len(np.unique(label[mask])) for label in (dataset.person, dataset.emotion)) > 1


def _cells(
    contrast: Contrast, drawn: Drawn, dataset: Dataset, number: int, seed: int
) -> Iterator[FoldTable]:
    """LOSO within the arms, and both sides tested by models that were trained on the others."""
    person = dataset.person
    arm = dict(zip(contrast.sides, drawn.sides, strict=True))
    # One for each arm, which a contrast without a mixture has two of.
    names = (*contrast.sides, STEREO) if contrast.stereo else contrast.sides
    left_out = dict(zip(names, drawn.left_out, strict=True))

    def run(cell: str) -> RunId:
        return RunId(contrast=contrast.name, cell=cell, draw=number, seed=seed)

    for side, mask in arm.items():
        yield leave_one_out(run(mono(side)), person, mask)
    if contrast.stereo:
        yield leave_one_out(run(STEREO), person, drawn.stereo)
    for source, target in (contrast.sides, contrast.sides[::-1]):
        cell = run(crossed(source, target))
        if contrast.paired:
            yield _paired_strangers(cell, arm[source], arm[target], dataset)
        else:
            train = arm[source] & (person != left_out[source])
            yield _strangers(cell, train, arm[target])
    if contrast.stereo:
        mixed = np.isin(person, person[drawn.stereo])
        smaller = drawn.stereo & (person != left_out[STEREO])
        for side, mask in arm.items():
            cell = run(crossed(STEREO, side))
            yield leave_one_out(cell, person, mask & mixed, train=drawn.stereo)
            yield _strangers(cell, smaller, mask & ~mixed)


def _strangers(
    run: RunId, train: Bool[np.ndarray, " clips"], test: Bool[np.ndarray, " clips"]
) -> FoldTable:
    """One fold for all subjects of `test`, none of whom is in `train`; no fold for nobody."""
    return from_rows([(run, "strangers", train, test)] if test.any() else [], len(test))


def _paired_strangers(
    run: RunId,
    source: Bool[np.ndarray, " clips"],
    target: Bool[np.ndarray, " clips"],
    dataset: Dataset,
) -> FoldTable:
    """A fold for each subject of `target`, trained on `source` less as many of each class."""
    pool = Pool(dataset.person, np.zeros(len(dataset), int), dataset.emotion)
    whole = draws.class_counts(dataset.emotion, source)
    rng = np.random.default_rng([run.seed, zlib.crc32(str(run).encode())])

    def rows() -> Iterator[FoldRow]:
        own = leave_one_out(run, dataset.person, target)
        for fold, test in zip(own.fold, own.test, strict=True):
            left = whole - draws.class_counts(dataset.emotion, test)
            yield run, str(fold), draws.matched(pool, {"": source}, rng, left)[""], test

    return from_rows(rows(), len(dataset))


def _reference(request: Request) -> Layout:
    """The reference's own comparison: its draw, its arms, neither matched nor repeated."""
    dataset, seed = request.dataset, request.seeds[0]
    pool = Pool(dataset.person, request.group, dataset.emotion)
    drawn, notes = arms.reference_arms(request, pool)
    notes += [
        f"the reference's draw, {labels.cell(arm)}: {arms.describe(mask, dataset)}"
        for arm, mask in drawn.items()
    ]
    runs = {arm: RunId(contrast=REFERENCE, cell=arm, draw=0, seed=seed) for arm in drawn}
    tables = [leave_one_out(runs[arm], dataset.person, mask) for arm, mask in drawn.items()]
    return Layout(tables, notes)
