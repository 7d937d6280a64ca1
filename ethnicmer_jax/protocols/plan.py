"""From a config and a dataset to the table of folds that the engine trains."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import ml_collections
import numpy as np
from jaxtyping import Bool

from ethnicmer_jax.base.grouping import Grouping, grouping
from ethnicmer_jax.base.run_id import ALL, RunId, check_name
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols import arms, by_database, final, nested, splits, study
from ethnicmer_jax.protocols.fold_table import FoldTable, leave_one_out
from ethnicmer_jax.protocols.request import Layout, Request
from ethnicmer_jax.protocols.unseen import unseen_classes


@dataclasses.dataclass(frozen=True)
class Plan:
    """What will be trained, and what the reader of the results has to know about it.

    Attributes:
      folds: the checked table.
      grouping: the ethnic grouping that the protocol and the report use.
      notes: one sentence each: sizes of the arms, what could not be matched, classes that a
        fold never learns, ...
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
      UserError: an unknown name, an unknown database, a name that no fold can have, or too few
        subjects.
    """
    chosen = grouping(protocol.grouping, protocol.get("grouping_custom"))
    if protocol.name not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        raise UserError(f"protocol.name {protocol.name!r} is not known; choose one of {known}")
    clips = _of_databases(dataset, tuple(protocol.databases))
    _check(dataset, clips)
    seeds = range(seed, seed + protocol.seeds)
    request = Request(protocol, dataset, clips, chosen, seeds)
    layout = PROTOCOLS[protocol.name](request)
    folds = FoldTable.concatenate(layout.tables).check()
    if (folds.train.union() | folds.test.union())[~clips].any():
        raise ValueError(f"the protocol {protocol.name} uses clips that take no part")
    notes = (*layout.notes, *unseen_classes(folds, dataset, clips))
    if protocol.final and protocol.name != ALL:
        more = final.beside(request, folds)
        folds = FoldTable.concatenate([folds, *more.tables]).check()
        notes += tuple(more.notes)
    return Plan(folds, chosen, notes)


def _loso(request: Request) -> Layout:
    person, clips = request.dataset.person, request.clips
    runs = [RunId(cell="loso", seed=seed) for seed in request.seeds]
    folds = leave_one_out(runs[0], person, clips)
    return Layout([folds.under(run) for run in runs], [f"LOSO over {len(folds)} subjects"])


PROTOCOLS: dict[str, Callable[[Request], Layout]] = {
    "loso": _loso,
    "composite": by_database.composite,
    "single_database": by_database.single_database,
    "lodo": by_database.leave_one_database_out,
    "cross_database": by_database.cross_database,
    "kfold": splits.k_fold,
    "split": splits.split,
    "hold_out": splits.hold_out,
    "draws": arms.arm_draws,
    "study": study.contrast_draws,
    "nested": nested.nested,
    ALL: final.everybody,
}
"""What `protocol.name` may be."""


def _of_databases(dataset: Dataset, wanted: tuple[str, ...]) -> Bool[np.ndarray, " clips"]:
    unknown = set(wanted) - set(dataset.database)
    if unknown:
        there = ", ".join(np.unique(dataset.database))
        raise UserError(f"protocol.databases names {', '.join(sorted(unknown))}; found {there}")
    return np.isin(dataset.database, wanted) if wanted else np.ones(len(dataset), bool)


def _check(dataset: Dataset, clips: Bool[np.ndarray, " clips"]) -> None:
    """Refuses clips of one emotion, and names that cannot be those of folds."""
    for database in np.unique(dataset.database[clips]):
        check_name("database", str(database))
    for subject in np.unique(dataset.subject[clips]):
        check_name("subject", str(subject))
    if len(np.unique(dataset.emotion[clips])) < 2:
        raise UserError("all clips have the same emotion; recognition needs at least two classes")
