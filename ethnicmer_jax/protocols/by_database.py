"""Protocols whose runs or folds are databases, as the field reports them.

The composite and single-database evaluations are those of the second Facial Micro-Expression
Grand Challenge (See et al., FG 2019); training on one database and testing on another is what
Zong et al. (2018, "Domain regeneration for cross-database micro-expression recognition") and
others call cross-database recognition.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from ethnicmer_jax.base import labels
from ethnicmer_jax.base.run_id import RunId, check_name, crossed, single
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols.fold_table import FoldTable, from_rows, leave_one_out
from ethnicmer_jax.protocols.request import Layout, Request


def composite(request: Request) -> Layout:
    """Composite database evaluation (CDE): LOSO over the subjects of all databases together.

    The rows are those of the protocol loso; scores are pooled, and given for each database.

    Raises:
      UserError: there is one database.
    """
    names = _several(request, "composite")
    runs = [RunId(cell="loso", seed=seed) for seed in request.seeds]
    folds = leave_one_out(runs[0], request.dataset.person, request.clips)
    note = f"composite of {', '.join(map(labels.database, names))}: LOSO over {len(folds)} subjects"
    return Layout([folds.under(run) for run in runs], [note])


def single_database(request: Request) -> Layout:
    """Single database evaluation (SDE): LOSO within each database, a run for each.

    Raises:
      UserError: a database has one subject or one class, or a name that no run can have.
    """
    tables, notes = [], []
    for name, clips in _databases(request).items():
        folds = _within(name, clips, request)
        tables += [folds.under(RunId(cell=single(name), seed=seed)) for seed in request.seeds]
        notes.append(f"{labels.database(name)} by itself: LOSO over {len(folds)} subjects")
    return Layout(tables, notes)


def leave_one_database_out(request: Request) -> Layout:
    """Every database is tested by models that are trained on all others.

    Raises:
      UserError: there is one database.
    """
    runs = [RunId(cell="lodo", seed=seed) for seed in request.seeds]
    folds = leave_one_out(runs[0], request.dataset.database, request.clips)
    note = f"leave one database out of {', '.join(map(labels.database, folds.fold))}"
    return Layout([folds.under(run) for run in runs], [note])


def cross_database(request: Request) -> Layout:
    """Every database is tested by a model of every other, and by LOSO within itself.

    Raises:
      UserError: there is one database, or one has one subject or class, or a name that no
        run can have.
    """
    names = _several(request, "cross_database")
    clips = _databases(request)
    tables = []
    for source in names:
        for target in names:
            if source == target:
                cell, folds = single(source), _within(source, clips[source], request)
            else:
                cell = crossed(source, target)
                row = (_run(cell, request), target, clips[source], clips[target])
                folds = from_rows([row], len(request.dataset))
            tables += [folds.under(RunId(cell=cell, seed=seed)) for seed in request.seeds]
    pairs = len(names) * (len(names) - 1)
    note = (
        f"{pairs} pairs of {', '.join(map(labels.database, names))}, and each by LOSO within itself"
    )
    return Layout(tables, [note])


def _several(request: Request, protocol: str) -> list[str]:
    names = [str(name) for name in np.unique(request.dataset.database[request.clips])]
    if len(names) < 2:
        raise UserError(
            f"protocol.name={protocol} needs two databases or more, and there is {names[0]} alone; "
            "use loso, or merge sources (--config.data.source=casme2+samm)"
        )
    return names


def _databases(request: Request) -> dict[str, Bool[np.ndarray, " clips"]]:
    """Name -> clips, of each database that takes part."""
    dataset, found = request.dataset, {}
    for name in np.unique(dataset.database[request.clips]):
        check_name("database of a cell", str(name))
        clips = request.clips & (dataset.database == name)
        _check_classes(str(name), clips, dataset)
        found[str(name)] = clips
    return found


def _check_classes(name: str, clips: Bool[np.ndarray, " clips"], dataset: Dataset) -> None:
    there = np.unique(dataset.emotion[clips])
    if len(there) < 2:
        raise UserError(
            f"database {name} has clips of one class alone, {dataset.emotion_names[there[0]]}; "
            "leave it out with protocol.databases, or choose other data.classes"
        )


def _within(name: str, clips: Bool[np.ndarray, " clips"], request: Request) -> FoldTable:
    person = request.dataset.person
    if len(np.unique(person[clips])) < 2:
        raise UserError(
            f"database {name} has one subject, who cannot be left out; "
            "leave the database out with protocol.databases"
        )
    return leave_one_out(_run(single(name), request), person, clips)


def _run(cell: str, request: Request) -> RunId:
    return RunId(cell=cell, seed=request.seeds[0])
