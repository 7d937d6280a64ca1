"""The annotator `metadata`: a table that somebody has made already.

Reads what the reference's annotation looks like (Subject, Filename, Age, Gender, Race
with the codes 0 to 4 and rows of `Error`) and tables with names instead of codes.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from data_builders.ethnicity.votes import LABEL_OF, LABELS, Vote, one_hot
from data_builders.sources import cells, codes, demographics, text_table
from ethnicmer_jax.base.schema import UserError

COLUMNS = {
    "database": ("database", "dataset"),
    "subject": ("subject",),
    "clip": ("clip", "filename"),
    "race": ("race", "ethnicity"),
    "age": ("age", "age_decade"),
    "gender": ("gender",),
}
"""What the columns may be called, in any case."""

_OPTIONAL = ("database", "age", "gender")
_FAILED = ("error", "unknown")


@dataclasses.dataclass(frozen=True)
class TableAnnotator:
    """Votes that a table holds, one row per clip.

    Attributes:
      path: a .csv (UTF-8) or .xlsx file.
      database: the database of its rows; "" where the table has a column for it.
      subject_width: subject codes that are numbers are zero-filled to this many
        digits (spreadsheets turn 006 into 6); 0 leaves them alone.
      name: how the annotator is called in the results.
    """

    path: pathlib.Path
    database: str = ""
    subject_width: int = 0
    name: str = "metadata"

    def __len__(self) -> int:
        """Rows of the table."""
        return len(self._table())

    def votes(self) -> Iterator[Vote]:
        """See `Annotator.votes`.

        Raises:
          UserError: the table cannot be read, lacks a column, holds a code that is
            neither a label nor a failure, or judges a clip twice.
        """
        lines: dict[str, int] = {}
        for line, row in self._table().iterrows():
            try:
                vote = self._vote(row)
            except ValueError as error:
                raise UserError(f"{self.path.name} line {line}: {error}") from error
            if vote.key in lines:
                raise UserError(
                    f"{self.path.name} line {line}: {vote.key} has a row already "
                    f"(line {lines[vote.key]}); keep one of them"
                )
            lines[vote.key] = line
            yield vote

    def _table(self) -> pd.DataFrame:
        table = text_table.read(self.path)
        if not any(name.lower() in COLUMNS["clip"] for name in table.columns):
            raise UserError(
                f"{self.path.name} has no column of clips ({' or '.join(COLUMNS['clip'])}); a table"
                f" with one row per subject is settled already: save it as {demographics.TABLE}"
                " (database, subject, ethnicity) beside the raw data, or give it to"
                " data_builders.build with --ethnicity"
            )
        found = text_table.select(self.path, table, COLUMNS, _OPTIONAL)
        if "database" not in found and not self.database:
            raise UserError(f"{self.path.name} names no database: give it with --database")
        return found

    def _vote(self, row: pd.Series) -> Vote:
        database = codes.database(self.database or row["database"])
        subject = row["subject"]
        if subject.isdecimal():
            subject = subject.zfill(self.subject_width)
        if not (database and subject and row["clip"]):
            raise ValueError("database, subject or clip is empty")
        label = parse_label(row["race"])
        return Vote(
            database,
            subject,
            row["clip"],
            self.name,
            None if label is None else one_hot(label),
            f"the table says {cells.quoted(row['race'])}" if label is None else "",
            self._read(row, "age", cells.age_decade),
            self._read(row, "gender", cells.gender),
            stated=True,
        )

    @staticmethod
    def _read(row: pd.Series, column: str, parse: Callable[[str], Any]) -> Any:
        try:
            return parse(row.get(column, ""))
        except ValueError as error:
            raise ValueError(f"{column} {error}") from None


def parse_label(text: str) -> str | None:
    """The label of a code (0 to 4) or a name; None where the annotator failed.

    Raises:
      ValueError: it is neither.
    """
    key = text.strip().lower()
    if cells.is_missing(key) or key in _FAILED:
        return None
    if key.isdecimal() and int(key) < len(LABELS):
        return LABELS[int(key)]
    if key in LABEL_OF:
        return LABEL_OF[key]
    raise ValueError(
        f"{cells.quoted(text)} is neither a code from 0 to {len(LABELS) - 1} "
        f"nor one of {', '.join(LABELS)} nor Error"
    )
