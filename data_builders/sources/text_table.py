"""Reads tables of labels, .csv or .xlsx, as text: 006 stays 006.

As Excel, R and pandas write them: UTF-8, UTF-16 or Windows-1252; commas, semicolons or tabs;
empty and nameless columns; row names; rows without their last blank cells; 46.0 for 46.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import pathlib
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

import pandas as pd

from data_builders.sources import cells, workbook
from ethnicmer_jax.base import bounds, csv_cells
from ethnicmer_jax.base.paths import is_file
from ethnicmer_jax.base.schema import UserError

_DELIMITERS = ",;\t|"
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_WHOLE = re.compile(r"-?[0-9]+[.,]0{1,2}")
_Line = tuple[int, list[str]]


@dataclasses.dataclass(frozen=True)
class TextTable:
    """A table as text cells without surrounding blanks.

    Attributes:
      columns: the names in the header, as they are written; no two alike.
      numbers: which column of the file each is, from 1.
      rows: line in the file and cells (as many as columns) of each row that is not blank.
      notes: what the user should know of how it was read.
    """

    columns: tuple[str, ...]
    numbers: tuple[int, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    notes: tuple[str, ...] = ()

    def numbered(self) -> str:
        """The columns for messages: `1 database, 2 subject`."""
        pairs = zip(self.numbers, self.columns, strict=True)
        return ", ".join(f"{number} {name}" for number, name in pairs)


def read(path: pathlib.Path, kind: str = "table") -> pd.DataFrame:
    """A table as text; empty cells are "".

    Args:
      path: a .csv or .xlsx file.
      kind: what it is a table of, for messages.

    Returns:
      The rows that are not blank, indexed by their line in the file.

    Raises:
      UserError: as for `parse`.
    """
    table = parse(path, kind)
    lines = [line for line, _ in table.rows]
    return pd.DataFrame([row for _, row in table.rows], lines, list(table.columns), dtype=object)


def parse(path: pathlib.Path, kind: str = "table") -> TextTable:
    """Reads a table.

    Raises:
      UserError: there is no such file, or it is not certain what its cells are; the message
        names lines and columns by number.
    """
    if not is_file(path):
        raise UserError(f"there is no {kind} {path}")
    notes: tuple[str, ...] = ()
    if path.suffix.lower() == ".xlsx":
        lines, separator = _from_workbook(path), ""
    else:
        text, notes = _text(path)
        separator = _separator(text)
        lines = _from_text(path, text, separator)
    return dataclasses.replace(_table(path, lines, separator), notes=notes)


def select(
    path: pathlib.Path,
    table: pd.DataFrame,
    names: Mapping[str, Sequence[str]],
    optional: Container[str] = (),
) -> pd.DataFrame:
    """The columns that somebody needs, under one name each, whatever a table calls them.

    Args:
      path: the table's file, for messages.
      table: from `read`.
      names: our name -> what the column may be called, in any case.
      optional: our names of columns that may be missing.

    Raises:
      UserError: a column is missing, or there are several for one; in both cases the message
        names those that are there.
    """
    found = {}
    for ours, known in names.items():
        match = [name for name in table.columns if name.lower() in known]
        if len(match) > 1:
            raise UserError(
                f"{path.name} has several columns for {ours}: {', '.join(match)}; keep one"
            )
        if match:
            found[ours] = table[match[0]]
    missing = [ours for ours in names if ours not in found and ours not in optional]
    if missing:
        raise UserError(
            f"{path.name} lacks the columns {', '.join(missing)}; it has {', '.join(table.columns)}"
        )
    return pd.DataFrame(found, table.index)


def _text(path: pathlib.Path) -> tuple[str, tuple[str, ...]]:
    data = bounds.content(path, bounds.TABLE_BYTES, "table")
    encoding = _BYTE_ORDER_MARKS.get(data[:2], "utf-8-sig")
    notes: tuple[str, ...] = ()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            text = "\0"
        if encoding == "utf-16" or "\0" in text:
            raise _no_text(path) from error
        notes = (f"{path.name} is not UTF-8: read as Windows-1252; check names with accents",)
    if "\0" in text:
        raise _no_text(path)
    return text, notes


def _no_text(path: pathlib.Path) -> UserError:
    return UserError(f"{path} is not a readable table of text: save it as “CSV UTF-8” or .xlsx")


def _separator(text: str) -> str:
    """What stands between the cells of the header: whichever there is most of."""
    lines = (line for line in io.StringIO(text, newline=None) if line.strip())
    header = next(lines, "")
    if match := re.fullmatch(r'"?sep=(.)"?', header.strip(), re.IGNORECASE):
        return match[1]
    bare = re.sub(r'"[^"]*"', "", header)
    return max(_DELIMITERS, key=bare.count)


def _from_text(path: pathlib.Path, text: str, separator: str) -> Iterator[_Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for number, row in enumerate(reader, 1):
            _refuse_large(path, number, len(row))
            if reader.line_num > 1 or not re.fullmatch("sep=.?", "".join(row).strip().lower()):
                yield reader.line_num, [csv_cells.plain(cell) for cell in row]
    except csv.Error as error:
        raise UserError(f"{path.name} line {reader.line_num} is not valid CSV: {error}") from error


def _refuse_large(path: pathlib.Path, rows: int, columns: int) -> None:
    for count, limit, what in (
        (rows, bounds.TABLE_ROWS, "rows"),
        (columns, bounds.TABLE_COLUMNS, "columns"),
    ):
        if count > limit:
            raise UserError(f"{path} has more than {limit:,} {what}: is it a table of clips?")


def _from_workbook(path: pathlib.Path) -> Iterator[_Line]:
    """The lines of the first worksheet with any."""
    for sheet in workbook.worksheets(path):
        for index, row in enumerate(sheet.itertuples(index=False), 1):
            yield index, [cells.text_of(None if pd.isna(cell) else cell) for cell in row]
        if len(sheet):
            return


def _table(path: pathlib.Path, lines: Iterable[_Line], separator: str) -> TextTable:
    stripped = ((line, [cell.strip() for cell in row]) for line, row in lines)
    full = [(line, _trimmed(row)) for line, row in stripped if any(row)]
    if not full:
        raise UserError(f"{path} is not a readable table: it is empty")
    header, rows, skipped = _without_row_names(full[0][1], full[1:])
    _refuse_long_rows(path, header, rows, separator)
    columns = [
        [row[index] if index < len(row) else "" for _, row in rows] for index in range(len(header))
    ]
    kept = [index for index, name in enumerate(header) if name or any(columns[index])]
    numbers = tuple(index + skipped + 1 for index in kept)
    names = tuple(header[index] for index in kept)
    _refuse_names(path, names, numbers)
    body = zip(*(_without_decimals(columns[index]) for index in kept), strict=True)
    return TextTable(
        names,
        numbers,
        tuple((line, row) for (line, _), row in zip(rows, body, strict=True)),
    )


def _refuse_long_rows(
    path: pathlib.Path, header: Sequence[str], rows: Iterable[_Line], separator: str
) -> None:
    for line, row in rows:
        if len(row) > len(header):
            cure = f": quote cells that contain “{separator}”" if separator else ""
            raise UserError(
                f"{path.name} line {line} has {len(row)} cells, its header {len(header)}{cure}"
            )


def _refuse_names(path: pathlib.Path, names: Sequence[str], numbers: Sequence[int]) -> None:
    """Names of columns that are blank or not unique."""
    first: dict[str, int] = {}
    for name, number in zip(names, numbers, strict=True):
        if not name:
            raise UserError(
                f"{path.name}: column {number} has cells but no name: name it in the header or"
                " delete it"
            )
        if name in first:
            raise UserError(
                f"{path.name} has the columns {first[name]} and {number} both named {name}:"
                " rename or delete one"
            )
        first[name] = number


def _trimmed(row: list[str]) -> list[str]:
    """A row without the blank cells at its end."""
    filled = [index for index, cell in enumerate(row) if cell]
    return row[: filled[-1] + 1] if filled else []


def _without_row_names(header: list[str], rows: list[_Line]) -> tuple[list[str], list[_Line], int]:
    """Without the nameless first column of R's and pandas' row numbers; whether there was one."""
    first = [row[0] if row else "" for _, row in rows]
    if not (rows and all(map(str.isdecimal, first)) and len(set(first)) == len(first)):
        return header, rows, 0
    if header[0] in ("", "Unnamed: 0"):
        header = header[1:]
    elif not all(len(row) == len(header) + 1 for _, row in rows):
        return header, rows, 0
    return header, [(line, row[1:]) for line, row in rows], 1


def _without_decimals(column: list[str]) -> list[str]:
    """46 for 46.0, where the whole column is like that: it went through a number."""
    filled = [cell for cell in column if cell and not cells.is_missing(cell)]
    if not filled or not all(map(_WHOLE.fullmatch, filled)):
        return column
    return [re.split("[.,]", cell)[0] for cell in column]
