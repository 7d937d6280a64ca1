"""The source `manifest`: clips listed in a CSV, for every database without a reader of its own.

Columns `database, subject, clip, emotion`, and one source of motion in each row
(`manifest_motion`). Paths are relative to the manifest. Optional: ethnicity, age_decade,
gender, action_units, fps; every other column is kept as text. Codes stay text: `006` is
not 6. A table `ethnicity.csv` beside the manifest (`python -m data_builders.annotate`) wins
over its column.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from data_builders.sources import action_units, cells, demographics, manifest_motion
from data_builders.sources.base import ClipTask, Listing, Problem
from data_builders.sources.demographics import Ethnicity
from ethnicmer_jax.base.schema import UNKNOWN, ClipLabels, UserError

REQUIRED = ("database", "subject", "clip", "emotion")
_KNOWN = {
    *REQUIRED,
    *manifest_motion.COLUMNS,
    *("ethnicity", "age_decade", "gender", "action_units", "fps"),
}


def list_clips(path: pathlib.Path, ethnicity: pathlib.Path | None = None) -> Listing:
    """Lists the clips of a manifest and everything that is wrong with its rows.

    Args:
      path: the CSV file; UTF-8, comma-separated, a header line.
      ethnicity: table of ethnicities that wins over the manifest's column (see
        `demographics.read_table`); by default ethnicity.csv beside it where it exists.

    Returns:
      The usable clips and one problem per faulty cell.

    Raises:
      UserError: the file as a whole cannot be used: missing, not UTF-8, not
        comma-separated, without rows, or without a column it must have.
    """
    rows = [_Row(row, f"{path.name} line {line}", path.parent) for line, row in _rows(path)]
    tasks = [(row.where, row.task()) for row in rows]
    problems = [problem for row in rows for problem in row.problems]
    usable = [(where, task) for where, task in tasks if task is not None]
    notes = []
    table = ethnicity or path.parent / demographics.TABLE
    if ethnicity or table.is_file():
        notes.append(f"ethnicities from {table.name}")
        usable = _relabelled(usable, table)
    problems += [*_duplicates(usable), *_contradictions(usable)]
    return Listing(tuple(task for _, task in usable), tuple(problems), tuple(notes))


@dataclasses.dataclass
class _Row:
    """One line of the manifest; remembers what is wrong with its cells."""

    cells: Mapping[str, str]
    where: str
    folder: pathlib.Path
    problems: list[Problem] = dataclasses.field(default_factory=list)

    def task(self) -> ClipTask | None:
        """The row's clip, or None where it has a faulty cell."""
        ethnicity = self._read("ethnicity", cells.ethnicity)
        labels = ClipLabels(
            database=self._read("database", functools.partial(cells.name, "database")).lower(),
            subject=self._read("subject", functools.partial(cells.name, "subject")),
            clip=self._read("clip", cells.code),
            emotion=self._read("emotion", cells.emotion),
            raw_emotion=self.cells["emotion"],
            action_units=self._read("action_units", action_units.parse, ()),
            ethnicity=ethnicity,
            ethnicity_source="" if ethnicity == UNKNOWN else "metadata",
            age_decade=self._read("age_decade", cells.age_decade),
            gender=self._read("gender", cells.gender),
            fps=self._read("fps", cells.fps),
            **manifest_motion.numbers(self.cells),
            extra={name: text for name, text in self.cells.items() if name not in _KNOWN},
        )
        motion = manifest_motion.read(self.cells, self.folder, self._wrong)
        if motion is None or self.problems:
            return None
        return ClipTask(labels, motion)

    def _read(self, column: str, parse: Callable[[str], Any], on_error: Any = "") -> Any:
        try:
            return parse(self.cells.get(column, ""))
        except ValueError as error:
            self._wrong(f"{column}: {error}")
            return on_error

    def _wrong(self, what: str) -> None:
        self.problems.append(Problem(self.where, what))


def _rows(path: pathlib.Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and stripped cells of each row that is not blank."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    header: list[str] = []
    found = False
    try:
        for row in reader:
            row = [cell.strip() for cell in row]
            if not any(row):
                continue
            if not header:
                header = _checked_header(path, row)
                continue
            if len(row) != len(header):
                raise UserError(
                    f"{path.name} line {reader.line_num} has {len(row)} cells, its header"
                    f" {len(header)}: quote cells that contain commas"
                )
            found = True
            yield reader.line_num, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise UserError(f"{path.name} line {reader.line_num} is not valid CSV: {error}") from error
    if not found:
        raise UserError(f"{path} lists no clips")


def _text(path: pathlib.Path) -> str:
    if not path.is_file():
        raise UserError(f"there is no manifest {path}; --raw names a CSV file")
    try:
        return path.read_bytes().decode("utf-8-sig")  # spreadsheets begin UTF-8 with a mark
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8: save it as “CSV UTF-8” ({error.reason})") from error


def _checked_header(path: pathlib.Path, header: list[str]) -> list[str]:
    header = [name.lower() if name.lower() in _KNOWN else name for name in header]
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise UserError(f"{path} is separated by semicolons or tabs: save it with commas")
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise UserError(
            f"{path} lacks the columns {', '.join(missing)}; it has {', '.join(header)}"
        )
    if not set(manifest_motion.SOURCES) & set(header):
        raise UserError(
            f"{path} has no column of motion: flow, frames, or onset_path and apex_path"
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UserError(f"{path} has the columns {', '.join(twice)} twice")
    return header


def _relabelled(
    clips: list[tuple[str, ClipTask]], table: pathlib.Path
) -> list[tuple[str, ClipTask]]:
    people: dict[str, Ethnicity] = {}
    for database in {task.labels.database for _, task in clips}:
        people |= demographics.read_table(table, database, str)
    return [
        (where, dataclasses.replace(task, labels=demographics.relabelled(task.labels, people)))
        for where, task in clips
    ]


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
