"""Joins `ethnicity.csv`, a table of subjects' ethnicities beside a database, with its clips.

Written by `python -m data_builders.annotate`, or by hand. It wins over what a manifest or
the column Race of a coding sheet says. Nothing is lost in silence: rows that match nobody
and people without a row are problems.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd

from data_builders.sources import cells, codes, text_table
from data_builders.sources.base import ClipTask, Listing, Problem
from ethnicmer_jax.base.paths import is_file
from ethnicmer_jax.base.schema import UNKNOWN, UserError

TABLE = "ethnicity.csv"

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "database": ("database", "dataset"),
    "subject": ("subject", "participant"),
    "ethnicity": ("ethnicity", "ethnic group"),
}
"""What the columns that a table must have may be called, in any case."""

_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Ethnicity:
    """A subject's ethnicity as a table has it; fields as in `schema.ClipLabels`."""

    ethnicity: str = UNKNOWN
    ethnicity_source: str = ""
    ethnicity_agreement: float = math.nan


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table of ethnicities, its codes as they are written."""

    line: int
    database: str
    subject: str
    ethnicity: Ethnicity


def table_in(*folders: pathlib.Path) -> pathlib.Path | None:
    """The table in the first of these folders that has one; None where none has."""
    tables = (folder / TABLE for folder in folders)
    return next((table for table in tables if is_file(table)), None)


def read_table(path: pathlib.Path) -> list[Row]:
    """The rows of a table of ethnicities, of every database in it.

    Args:
      path: a .csv or .xlsx file with the columns database, subject, ethnicity, and
        optionally agreement (share of votes in [0, 1]) and source.

    Raises:
      UserError: the table is missing or no such table, or a cell cannot be read.
    """
    optional = ("agreement", "source")
    names = {**COLUMNS, **{name: (name,) for name in optional}}
    table = text_table.read(path, "table of ethnicities")
    table = text_table.select(path, table, names, optional)
    rows = []
    for line, row in table.iterrows():
        try:
            ethnicity = _ethnicity(row)
            if not (row["database"] and row["subject"]):
                raise ValueError("database or subject is blank")
        except ValueError as error:
            raise UserError(f"{path.name} line {line}: {error}") from error
        rows.append(Row(line, row["database"], row["subject"], ethnicity))
    return rows


def labelled(listing: Listing, path: pathlib.Path | None) -> Listing:
    """The listing with the ethnicities of a table, for the databases that it has clips of.

    Without a table, the listing as it is. Subjects are matched as in `codes.Codes`. A row
    that matches nobody and a person without a row are problems, not fatal. Rows of other
    databases are left to `foreign_rows`.

    Raises:
      UserError: as for `read_table`; or two rows are of one person and contradict each other.
    """
    if path is None:
        return listing
    rows = read_table(path)
    people: dict[str, Row] = {}
    problems: list[Problem] = []
    for database, subjects in _subjects(listing.tasks).items():
        known = codes.Codes(subjects)
        for row in rows:
            if not codes.same_database(row.database, database):
                continue
            subject = known.find(row.subject)
            if subject is None:
                problems.append(_nobody(path, row, database, subjects))
                continue
            row_before = people.setdefault(f"{database}/{subject}", row)
            _check_twice(path, f"{database}/{subject}", row_before, row)
    return dataclasses.replace(
        listing,
        tasks=tuple(_relabelled(task, people) for task in listing.tasks),
        problems=(*listing.problems, *problems, *_without_row(path, people, listing.tasks)),
        notes=(*listing.notes, f"ethnicities from {path.name}"),
        tables=(*listing.tables, path),
    )


def foreign_rows(listing: Listing) -> Listing:
    """The listing with what is to be said of its tables' rows of databases without clips.

    A public database that is just not read is a note; any other name may be misspelt, and is
    a problem.

    Raises:
      UserError: as for `read_table`.
    """
    databases = sorted(_subjects(listing.tasks))
    problems, notes = [], []
    for path in dict.fromkeys(listing.tables):
        lines: dict[str, list[int]] = collections.defaultdict(list)
        for row in read_table(path):
            if not any(codes.same_database(row.database, database) for database in databases):
                lines[row.database].append(row.line)
        for name, found in sorted(lines.items()):
            where = f"{path.name} {_lines(found)}"
            if codes.database(name) in codes.DATABASES:
                notes.append(f"{where}: people of {name}, of which no clip is read")
                continue
            what = f"database {cells.quoted(name)} is none of those read ({', '.join(databases)}): "
            what += f"{len(found)} rows matched nobody" if len(found) > 1 else "it matched nobody"
            problems.append(Problem(where, what, fatal=False))
    return dataclasses.replace(
        listing,
        problems=(*listing.problems, *problems),
        notes=(*listing.notes, *notes),
    )


def _ethnicity(row: pd.Series) -> Ethnicity:
    try:
        ethnicity = cells.ethnicity(row["ethnicity"])
    except ValueError as error:
        raise ValueError(f"ethnicity {error}") from None
    return Ethnicity(
        ethnicity=ethnicity,
        ethnicity_source=row.get("source", "") or "metadata",
        ethnicity_agreement=cells.share("agreement", row.get("agreement", "")),
    )


def _subjects(tasks: Sequence[ClipTask]) -> Mapping[str, Sequence[str]]:
    """Subjects by database, each once, in the order of the clips."""
    found: dict[str, dict[str, None]] = {}
    for task in tasks:
        found.setdefault(task.labels.database, {})[task.labels.subject] = None
    return {database: list(subjects) for database, subjects in found.items()}


def _check_twice(path: pathlib.Path, person: str, first: Row, row: Row) -> None:
    """Two rows of one person may repeat, but not contradict each other."""
    if first.ethnicity.ethnicity != row.ethnicity.ethnicity:
        raise UserError(
            f"{path.name} line {row.line}: {person} has a row already (line {first.line}: "
            f"{first.ethnicity.ethnicity}); keep one of them, or let data_builders.annotate decide"
        )


def _nobody(path: pathlib.Path, row: Row, database: str, subjects: Sequence[str]) -> Problem:
    known = ", ".join(sorted(subjects)[:_SHOWN]) + (", …" if len(subjects) > _SHOWN else "")
    return Problem(
        f"{path.name} line {row.line}",
        f"matched nobody: {cells.quoted(row.subject)} is no subject with clips in {database} "
        f"({known})",
        fatal=False,
    )


def _without_row(
    path: pathlib.Path, people: Mapping[str, Row], tasks: Iterable[ClipTask]
) -> Iterator[Problem]:
    """A problem for each person that the table lacks."""
    lacking: dict[str, set[str]] = collections.defaultdict(set)
    for task in tasks:
        if task.labels.person not in people:
            lacking[task.labels.person].add(task.labels.ethnicity)
    for person, found in sorted(lacking.items()):
        kept = "" if found == {UNKNOWN} else ", as its own coding has it"
        what = f"has no row in {path.name}: ethnicity {' or '.join(sorted(found))}{kept}"
        yield Problem(person, what, fatal=False)


def _relabelled(task: ClipTask, people: Mapping[str, Row]) -> ClipTask:
    row = people.get(task.labels.person)
    if row is None:
        return task
    labels = dataclasses.replace(task.labels, **vars(row.ethnicity))
    return dataclasses.replace(task, labels=labels)


def _lines(numbers: Sequence[int]) -> str:
    """`line 2`, or `lines 2-5, 9`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts: Iterator[str] = (f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
    return f"{'line' if len(numbers) == 1 else 'lines'} {', '.join(texts)}"
