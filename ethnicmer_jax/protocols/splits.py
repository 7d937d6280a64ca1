"""Protocols that split subjects: into K folds, by a column of the data, by a list."""

from __future__ import annotations

import collections
import fnmatch
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Int, Shaped

from ethnicmer_jax.base import bounds
from ethnicmer_jax.base.paths import is_file
from ethnicmer_jax.base.run_id import RunId, check_name
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols.dealing import dealt
from ethnicmer_jax.protocols.fold_table import FoldRow, from_rows
from ethnicmer_jax.protocols.request import Layout, Request

TRAIN, TEST = "train", "test"
"""Values of a column that is one fixed split; other values are names of folds."""

Mask = Bool[np.ndarray, " clips"]


def k_fold(request: Request) -> Layout:
    """K folds of whole subjects, alike in class and database (where clips are few, in class).

    The split follows from `protocol.draw_seed`, so that seeds differ in nothing but training.

    Raises:
      UserError: `protocol.folds` is more than the subjects or clips allow.
    """
    dataset, folds = request.dataset, request.protocol.folds
    subjects = len(np.unique(dataset.person[request.clips]))
    if not 2 <= folds <= subjects:
        raise UserError(
            f"protocol.folds is {folds}; with {subjects} subjects it must be 2 to {subjects}"
        )
    alike, fold = _dealt(request)
    names = [f"fold{number}" for number in range(folds)]
    parts = {name: fold == number for number, name in enumerate(names)}
    note = f"{folds} folds over {subjects} subjects, alike in {alike}: " + ", ".join(
        f"{part.sum()} clips of {len(np.unique(dataset.person[part]))}" for part in parts.values()
    )
    return _tested_in_turn("kfold", parts, request, [note])


def _dealt(request: Request) -> tuple[str, Int[np.ndarray, " clips"]]:
    """What the folds are alike in, and the fold of each clip, -1 for none."""
    dataset, protocol = request.dataset, request.protocol
    both = np.char.add(np.char.add(dataset.emotion.astype(str), "/"), dataset.database)
    for alike, strata in (("class and database", both), ("class", dataset.emotion)):
        try:
            folds, seed = protocol.folds, protocol.draw_seed
            return alike, dealt(request.clips, strata, dataset.person, folds, seed)
        except ValueError:
            continue
    raise UserError(f"protocol.folds is {protocol.folds}, and every class has fewer clips")


def split(request: Request) -> Layout:
    """The fixed split of a column: train and test, or the names of folds tested in turn.

    Raises:
      UserError: there is no such column, a subject is on two sides, or the values are no split.
    """
    column = request.protocol.split_column
    value, notes = _values(request, column)
    names = sorted(str(name) for name in set(value) - {""})
    person = request.dataset.person
    _check_apart(column, value, person)
    if names == [TEST, TRAIN]:
        train, test = value == TRAIN, value == TEST
        return _one_fold("split", TEST, train, test, request, notes)
    for name in names:
        if name in (TRAIN, TEST):
            raise UserError(
                f"column {column} has the values {', '.join(names)}; name {TRAIN} and {TEST}, or "
                "the folds, and leave the cells of other clips blank"
            )
        check_name("fold", name)
    parts = {name: value == name for name in names}
    notes.append(
        f"folds of column {column}: "
        + ", ".join(f"{name} {part.sum()} clips" for name, part in parts.items())
    )
    return _tested_in_turn("split", parts, request, notes)


def hold_out(request: Request) -> Layout:
    """One fold: the listed subjects are tested by a model of all others.

    Raises:
      UserError: nobody is listed, everybody is, or a name fits no subject.
    """
    person = request.dataset.person
    wanted = _listed(request.protocol.hold_out)
    there = np.unique(person[request.clips])
    held_out = {str(name) for pattern in wanted for name in _matching(pattern, there)}
    test = request.clips & np.isin(person, sorted(held_out))
    if len(held_out) == len(there):
        raise UserError(
            f"protocol.hold_out holds out all {len(there)} subjects: leave some to learn from"
        )
    return _one_fold("hold_out", "held_out", request.clips & ~test, test, request, [])


def _values(request: Request, column: str) -> tuple[Shaped[np.ndarray, " clips"], list[str]]:
    """The split's value of each clip, "" for none, and a note on those that have none."""
    extra, clips = request.dataset.extra, request.clips
    if not column:
        raise UserError("protocol.name=split needs protocol.split_column, the name of a column")
    columns = sorted(set().union(*extra))
    if column not in columns:
        found = f"its further columns are {', '.join(columns)}" if columns else "it has none"
        raise UserError(
            f"protocol.split_column {column!r} is no further column of the database; {found}"
        )
    texts = [one.get(column, "").strip() for one in extra]
    # Train and Test are what people write as well.
    texts = [one.lower() if one.lower() in (TRAIN, TEST) else one for one in texts]
    value = np.where(clips, np.array(texts, np.str_), "")
    names = set(value) - {""}
    if len(names) < 2:
        said = f"the one value {names.pop()}" if names else "no value"
        raise UserError(f"column {column} has {said}; a split needs {TRAIN} and {TEST}, or folds")
    blank = int((clips & (value == "")).sum())
    return value, [f"{blank} clips without a value of {column} take no part"] if blank else []


def _check_apart(
    column: str, value: Shaped[np.ndarray, " clips"], person: Shaped[np.ndarray, " clips"]
) -> None:
    sides = collections.defaultdict[str, set[str]](set)
    for who, side in zip(person[value != ""], value[value != ""], strict=True):
        sides[str(who)].add(str(side))
    if twice := sorted(who for who, names in sides.items() if len(names) > 1):
        raise UserError(
            f"column {column} has subject {twice[0]} in {' and '.join(sorted(sides[twice[0]]))}"
            f"{f' (and {len(twice) - 1} more)' if len(twice) > 1 else ''}; a model would be tested "
            "on people whom it knows"
        )


def _listed(text: str) -> list[str]:
    """The subjects of a text such as samm/006,samm/007, or of a file with one in each line."""
    if not text.strip():
        raise UserError(
            "protocol.name=hold_out needs protocol.hold_out: database/subject,... or a file"
        )
    path = pathlib.Path(text)
    if is_file(path):  # a list may be longer than a path can be
        try:
            content = bounds.content(path, bounds.TABLE_BYTES, "list of subjects")
            lines = content.decode("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError):
            raise UserError(f"protocol.hold_out {text} cannot be read as text in UTF-8") from None
    else:
        lines = text.split(",")
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UserError(f"protocol.hold_out {text} lists nobody")
    return names


def _matching(pattern: str, there: Shaped[np.ndarray, " subjects"]) -> Sequence[str]:
    """The subjects of a name, or of a glob such as samm/*."""
    if pattern in there:
        return [pattern]
    if found := fnmatch.filter(there.tolist(), pattern):
        return found
    raise UserError(
        f"protocol.hold_out names {pattern}, which is no subject (one is {there[0]}) and no file"
    )


def _tested_in_turn(
    cell: str, parts: dict[str, Mask], request: Request, notes: Sequence[str]
) -> Layout:
    """A fold for each part, trained on all the others."""
    everything = np.logical_or.reduce(list(parts.values()))
    runs = [RunId(cell=cell, seed=seed) for seed in request.seeds]

    def rows() -> Iterator[FoldRow]:
        for name, part in parts.items():
            yield runs[0], name, everything & ~part, part

    folds = from_rows(rows(), len(everything))
    return Layout([folds.under(run) for run in runs], notes)


def _one_fold(
    cell: str, fold: str, train: Mask, test: Mask, request: Request, notes: Sequence[str]
) -> Layout:
    runs = [RunId(cell=cell, seed=seed) for seed in request.seeds]
    person = request.dataset.person
    trained, tested = (
        f"{part.sum()} clips of {len(np.unique(person[part]))} subjects" for part in (train, test)
    )
    folds = from_rows([(runs[0], fold, train, test)], len(train))
    note = f"trained on {trained}, tested on {tested}"
    return Layout([folds.under(run) for run in runs], [note, *notes])
