"""The source `manifest`: clips listed in a table, for every database without a reader of its own.

Columns `database, subject, clip, emotion`, and one source of motion in each row
(`manifest_motion`). Paths are relative to the manifest. Optional: ethnicity, age_decade,
gender, action_units, fps; every other column is kept as text. Codes stay text: `006` is
not 6. A table `ethnicity.csv` beside the manifest (`python -m data_builders.annotate`) wins
over its column.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from data_builders.sources import (
    action_units,
    cells,
    clip_tree,
    codes,
    demographics,
    manifest_columns,
    manifest_motion,
    mapping,
    text_table,
)
from data_builders.sources.base import ClipTask, Listing, Problem
from data_builders.sources.manifest_columns import Columns
from data_builders.sources.mapping import Mapped
from ethnicmer_jax.base.paths import is_file, outside
from ethnicmer_jax.base.schema import UNKNOWN, ClipLabels, UserError

_CODES = ("subject", "clip")
"""Columns in which `NA` may be somebody's initials."""

_MISSING_CODES = ("NA", "NaN", "<NA>", "#N/A")
"""What R, pandas and spreadsheets write for a code that is missing."""


def list_clips(
    path: pathlib.Path,
    ethnicity: pathlib.Path | None = None,
    otherwise: Mapping[str, str] | None = None,
    allow_outside: bool = False,
) -> Listing:
    """Lists the clips of a manifest and everything that is wrong with its rows.

    Args:
      path: a .csv (or .tsv, .txt) or .xlsx file with a header line (see `text_table` for what
        is understood, `manifest_columns` for how columns may be called), or a .toml file that
        says how to read such a table (see `mapping`).
      ethnicity: table of ethnicities that wins over the manifest's column (see
        `demographics`); by default ethnicity.csv beside it where it exists.
      otherwise: our column -> what a blank cell means; the table need not have this column.
      allow_outside: whether paths may lead out of the manifest's folder: `..`, absolute ones,
        links.

    Returns:
      The usable clips and one problem per faulty cell.

    Raises:
      UserError: the file as a whole cannot be used: missing, no table, without rows, or
        without a column it must have.
    """
    if not is_file(path):
        raise UserError(f"there is no manifest {path}; --raw names a CSV or .xlsx file")
    mapped = mapping.read(path) if path.suffix.lower() == mapping.SUFFIX else None
    if mapped is not None and mapped.table and is_file(mapped.table) and not allow_outside:
        for fault in outside([mapped.table], path.parent):
            raise UserError(f"{path.name}: {fault}")
    rows, notes = _rows(path, mapped, otherwise or {})
    tasks = [(row.where, row.task(allow_outside)) for row in rows]
    usable = [(where, task) for where, task in tasks if task is not None]
    problems = [problem for row in rows for problem in row.problems]
    problems += _duplicates(usable)
    listing = Listing(tuple(task for _, task in usable), tuple(problems), tuple(notes))
    listing = demographics.labelled(listing, ethnicity or demographics.table_in(path.parent))
    wheres = [where for where, _ in usable]
    again = _contradictions(list(zip(wheres, listing.tasks, strict=True)))
    return dataclasses.replace(listing, problems=(*listing.problems, *again))


@dataclasses.dataclass
class _Row:
    """One line of the manifest; remembers what is wrong with its cells."""

    cells: Mapping[str, str]
    raw_emotion: str
    where: str
    folder: pathlib.Path
    problems: list[Problem] = dataclasses.field(default_factory=list)

    def task(self, allow_outside: bool) -> ClipTask | None:
        """The row's clip, or None where it has a faulty cell."""
        ethnicity = self._read("ethnicity", cells.ethnicity)
        labels = ClipLabels(
            database=codes.database(
                self._read("database", functools.partial(cells.name, "database"))
            ),
            subject=self._read("subject", functools.partial(cells.name, "subject")),
            clip=self._read("clip", cells.code),
            emotion=self._read("emotion", cells.emotion),
            raw_emotion=self.raw_emotion,
            action_units=self._read("action_units", action_units.parse, ()),
            ethnicity=ethnicity,
            ethnicity_source="" if ethnicity == UNKNOWN else "metadata",
            age_decade=self._read("age_decade", cells.age_decade),
            gender=self._read("gender", cells.gender),
            fps=self._read("fps", cells.fps),
            **manifest_motion.numbers(self.cells, self.folder),
            extra={
                name: text
                for name, text in self.cells.items()
                if name not in manifest_columns.KNOWN
            },
        )
        motion = manifest_motion.read(self.cells, self.folder, self.wrong, allow_outside)
        if motion is None or self.problems:
            return None
        return ClipTask(labels, motion)

    def _read(self, column: str, parse: Callable[[str], Any], on_error: Any = "") -> Any:
        try:
            text = self.cells.get(column, "")
            if column in _CODES and text in _MISSING_CODES:
                raise ValueError(f"{cells.quoted(text)} stands for a missing value: give the code")
            return parse(text)
        except ValueError as error:
            self.wrong(f"{column}: {error}")
            return on_error

    def wrong(self, what: str) -> None:
        """Remembers a fault, given without the row."""
        self.problems.append(Problem(self.where, what))


def _rows(
    path: pathlib.Path, mapped: Mapped | None, otherwise: Mapping[str, str]
) -> tuple[list[_Row], tuple[str, ...]]:
    """The rows of a manifest, by our names of columns, and what is to be said of it."""
    source = path if mapped is None else mapped.table or path
    if mapped is not None and mapped.tree:
        table, wheres = clip_tree.parse(path, mapped.tree)
    else:
        table = text_table.parse(source)
        wheres = [f"{source.name} line {line}" for line, _ in table.rows]
    if mapped is None:
        columns = manifest_columns.find(path, table, optional=otherwise)
    else:
        columns = manifest_columns.find(source, table, mapped.columns, mapped.given, otherwise)
    if not table.rows:
        raise UserError(f"{source} lists no clips")
    rows = []
    for where, (_, texts) in zip(wheres, table.rows, strict=True):
        ours = _cells(texts, columns)
        row = _Row(ours, ours.get("emotion", ""), where, path.parent)
        if mapped is not None:
            try:
                row.cells = mapped.row(ours, dict(zip(table.columns, texts, strict=True)))
            except ValueError as error:
                row.wrong(str(error))
        row.raw_emotion = row.raw_emotion or row.cells.get("emotion", "")
        row.cells = {**row.cells, **{n: t for n, t in otherwise.items() if not row.cells.get(n)}}
        rows.append(row)
    return rows, (*table.notes, *columns.notes)


def _cells(row: Sequence[str], columns: Columns) -> dict[str, str]:
    """Cells by our names of columns; those of missing values are blank."""
    known = {name: row[position] for name, position in columns.known.items()}
    blank = {
        name: "" if name not in _CODES and cells.is_missing(text) else text
        for name, text in known.items()
    }
    return blank | {name: row[position] for name, position in columns.extra.items()}


def _duplicates(clips: list[tuple[str, ClipTask]]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for where, task in clips:
        if task.key in first:
            yield Problem(where, f"clip {task.key} is listed already ({first[task.key]})")
        first.setdefault(task.key, where)


def _contradictions(clips: list[tuple[str, ClipTask]]) -> Iterator[Problem]:
    """A person with two ethnicities: mono- and stereo-ethnic folds are made of persons."""
    first: dict[str, tuple[str, str]] = {}
    for where, task in clips:
        person, ethnicity = task.labels.person, task.labels.ethnicity
        if ethnicity == UNKNOWN:
            continue
        known = first.setdefault(person, (ethnicity, where))
        if known[0] != ethnicity:
            yield Problem(where, f"{person} is {ethnicity} here and {known[0]} in {known[1]}")
