"""From a config and a dataset to the table of folds that the engine trains."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import ml_collections
import numpy as np

from ethnicmer_jax.base.grouping import Grouping, grouping
from ethnicmer_jax.base.run_id import RunId, check_name
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols import arms, nested, study
from ethnicmer_jax.protocols.fold_table import FoldTable, leave_one_out


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
      UserError: an unknown name, an unknown database, or too few subjects.
    """
    chosen = grouping(protocol.grouping, protocol.get("grouping_custom"))
    clips = _of_databases(dataset, tuple(protocol.databases))
    _check_names(dataset, clips)
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
        yield leave_one_out(str(RunId(cell="loso", seed=s)), dataset.person, clips, s)


def _lodo(protocol, dataset, clips, chosen, seeds, notes) -> Iterator[FoldTable]:
    del protocol, chosen
    notes.append(f"leave one database out of {', '.join(np.unique(dataset.database[clips]))}")
    for s in seeds:
        yield leave_one_out(str(RunId(cell="lodo", seed=s)), dataset.database, clips, s)


def _of_databases(dataset: Dataset, wanted: tuple[str, ...]) -> np.ndarray:
    unknown = set(wanted) - set(dataset.database)
    if unknown:
        there = ", ".join(np.unique(dataset.database))
        raise UserError(f"protocol.databases names {', '.join(sorted(unknown))}; found {there}")
    return np.isin(dataset.database, wanted) if wanted else np.ones(len(dataset), bool)


def _check_names(dataset: Dataset, clips: np.ndarray) -> None:
    for database in np.unique(dataset.database[clips]):
        check_name("database", str(database))
    for subject in np.unique(dataset.subject[clips]):
        check_name("subject", str(subject))


def _check_classes(dataset: Dataset, clips: np.ndarray) -> None:
    if len(np.unique(dataset.emotion[clips])) < 2:
        raise UserError("all clips have the same emotion; recognition needs at least two classes")


_PROTOCOLS: dict[str, Callable[..., Iterator[FoldTable]]] = {
    "loso": _loso,
    "lodo": _lodo,
    "draws": arms.arm_draws,
    "study": study.contrast_draws,
    "nested": nested.nested,
}
