"""From a config and a dataset to the table of folds that the engine trains."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator

import ml_collections
import numpy as np
import pandas as pd

from ethnicmer_jax.dataset import Dataset
from ethnicmer_jax.protocols import draws, nested
from ethnicmer_jax.protocols.fold_table import FoldTable, leave_one_out
from ethnicmer_jax.protocols.grouping import Grouping, grouping
from ethnicmer_jax.schema import UserError


@dataclasses.dataclass(frozen=True)
class Plan:
    """What will be trained, and what the reader of the results has to know about it.

    Attributes:
      folds: the checked table.
      grouping: the ethnic grouping that the protocol and the report use.
      notes: one sentence each: sizes of the arms, what could not be matched, ...
    """

    folds: FoldTable
    grouping: Grouping
    notes: tuple[str, ...]


def build(protocol: ml_collections.ConfigDict, dataset: Dataset, seed: int) -> Plan:
    """The folds of a protocol config (see configs/common.py for its fields).

    Args:
      protocol: `config.protocol`.
      dataset: n clips.
      seed: seed of the first run; run i of `protocol.seeds` has seed + i.

    Raises:
      UserError: an unknown name, an unknown database, a number out of range, or too few
        subjects.
    """
    for name, value, least in (
        ("seed", seed, 0),
        ("protocol.seeds", protocol.seeds, 1),
        ("protocol.draws", protocol.draws, 1),
        ("protocol.draw_seed", protocol.draw_seed, 0),
    ):
        if value < least:
            raise UserError(f"{name} is {value}; it must be {least} or more")
    chosen = grouping(protocol.grouping, protocol.get("grouping_custom"))
    clips = _of_databases(dataset, tuple(protocol.databases))
    _check_classes(dataset, clips)
    if protocol.name not in _PROTOCOLS:
        known = ", ".join(_PROTOCOLS)
        raise UserError(f"protocol.name {protocol.name!r} is not known; choose one of {known}")
    notes: list[str] = []
    seeds = range(seed, seed + protocol.seeds)
    tables = list(_PROTOCOLS[protocol.name](protocol, dataset, clips, chosen, seeds, notes))
    return Plan(FoldTable.concatenate(tables).check(), chosen, tuple(notes))


def _loso(protocol, dataset, clips, chosen, seeds, notes) -> Iterator[FoldTable]:
    del protocol, chosen
    notes.append(f"LOSO over {len(np.unique(dataset.person[clips]))} subjects")
    for s in seeds:
        yield leave_one_out(f"loso-seed{s}", dataset.person, clips, s)


def _lodo(protocol, dataset, clips, chosen, seeds, notes) -> Iterator[FoldTable]:
    del protocol, chosen
    notes.append(f"leave one database out of {', '.join(np.unique(dataset.database[clips]))}")
    for s in seeds:
        yield leave_one_out(f"lodo-seed{s}", dataset.database, clips, s)


def _draws(protocol, dataset, clips, chosen, seeds, notes) -> Iterator[FoldTable]:
    """Mono and stereo arms, for each draw and seed, each arm under LOSO."""
    unknown = set(protocol.arms) - set(draws.ARMS)
    if unknown or not protocol.arms:
        raise UserError(f"protocol.arms {tuple(protocol.arms)}: choose from {draws.ARMS}")
    pool = draws.Pool(
        dataset.person, np.where(clips, chosen.indices(dataset.ethnicity), -1), dataset.emotion
    )
    for number in range(protocol.draws):
        arms = _one_draw(protocol, pool, dataset, number, notes)
        for arm in protocol.arms:
            mask = arms[arm]
            if number == 0:
                notes.append(_describe(arm, mask, dataset))
            for s in seeds:
                yield leave_one_out(f"{arm}-draw{number}-seed{s}", dataset.person, mask, s)


def _one_draw(protocol, pool, dataset, number, notes) -> dict[str, np.ndarray]:
    if protocol.draw == "reference":
        if number:
            raise UserError("the reference has one draw; set protocol.draws to 1")
        return _reference(protocol, pool, dataset, notes)
    if protocol.draw not in ("seeded", "matched"):
        raise UserError(
            f"protocol.draw {protocol.draw!r}: choose one of seeded, matched, reference"
        )
    rng = np.random.default_rng([protocol.draw_seed, number])
    arms = draws.seeded(pool, protocol.subjects, rng)
    return draws.matched(pool, arms, rng) if protocol.draw == "matched" else arms


def _reference(protocol, pool, dataset, notes) -> dict[str, np.ndarray]:
    """The reference's draw, made from its own pool where `protocol.pool` names it."""
    if not protocol.pool:
        return draws.reference(pool)
    drawn_from = read_pool(pathlib.Path(protocol.pool))
    arms = draws.reference(drawn_from)
    for arm, mask in arms.items():
        persons = np.unique(drawn_from.person[mask])
        missing = sorted(set(persons) - set(dataset.person))
        absent = f", of whom {', '.join(missing)} not in this database" if missing else ""
        notes.append(f"{arm}: {mask.sum()} clips of {len(persons)} subjects drawn{absent}")
    return {
        arm: np.isin(dataset.person, np.unique(drawn_from.person[mask]))
        for arm, mask in arms.items()
    }


def read_pool(path: pathlib.Path) -> draws.Pool:
    """The reference's joint table (columns Dataset, Subject, RaceConcised, ...) as a pool.

    Raises:
      UserError: no such file, or columns are missing.
    """
    if not path.is_file():
        raise UserError(f"protocol.pool {path} does not exist; name the joint annotation table")
    table = pd.read_csv(path, dtype=str)
    needed = {"Dataset", "Subject", "RaceConcised", "EstimatedEmotionConcised"}
    if not needed <= set(table.columns):
        missing = ", ".join(sorted(needed - set(table.columns)))
        raise UserError(f"protocol.pool {path} lacks the columns {missing}")
    person = (table["Dataset"].str.lower() + "/" + table["Subject"]).to_numpy(str)
    group = (table["RaceConcised"] != "Asian").to_numpy(int)
    emotion = pd.factorize(table["EstimatedEmotionConcised"], sort=True)[0]
    return draws.Pool(person, group, emotion)


def _describe(arm: str, mask: np.ndarray, dataset: Dataset) -> str:
    counts = np.bincount(dataset.emotion[mask], minlength=int(dataset.emotion.max()) + 1)
    share = counts.max() / max(counts.sum(), 1)
    databases = ", ".join(
        f"{name} {count}"
        for name, count in zip(*np.unique(dataset.database[mask], return_counts=True), strict=True)
    )
    return (
        f"{arm}, first draw: {mask.sum()} clips of {len(np.unique(dataset.person[mask]))} "
        f"subjects ({databases}), largest class {share:.0%}"
    )


def _of_databases(dataset: Dataset, wanted: tuple[str, ...]) -> np.ndarray:
    unknown = set(wanted) - set(dataset.database)
    if unknown:
        there = ", ".join(np.unique(dataset.database))
        raise UserError(f"protocol.databases names {', '.join(sorted(unknown))}; found {there}")
    return np.isin(dataset.database, wanted) if wanted else np.ones(len(dataset), bool)


def _check_classes(dataset: Dataset, clips: np.ndarray) -> None:
    if len(np.unique(dataset.emotion[clips])) < 2:
        raise UserError("all clips have the same emotion; recognition needs at least two classes")


_PROTOCOLS: dict[str, Callable[..., Iterator[FoldTable]]] = {
    "loso": _loso,
    "lodo": _lodo,
    "draws": _draws,
    "nested": nested.nested,
}
