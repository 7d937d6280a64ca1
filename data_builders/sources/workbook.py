"""Reads the worksheets of an .xlsx workbook, whatever state it is in.

A workbook is a zip archive of XML: a few kilobytes may unpack to gigabytes, and a single cell in
row 1,048,576 makes a million rows. So its parts are looked through before its cells are read.
"""

from __future__ import annotations

import functools
import pathlib
import warnings
import zipfile
from collections.abc import Iterator
from typing import IO
from xml.etree import ElementTree

import pandas as pd

from ethnicmer_jax.base import bounds
from ethnicmer_jax.base.paths import is_file
from ethnicmer_jax.base.schema import UserError

_PARTS, _DEPTH, _CHILDREN = 10_000, 100, 1_000_000
"""Files that a workbook may consist of, and in each how deep and how many its elements may be."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def worksheets(
    path: pathlib.Path, kind: str = "workbook", rows: int = bounds.TABLE_ROWS + 1
) -> list[pd.DataFrame]:
    """Every worksheet as it stands, cells as the spreadsheet types them, without a header.

    Args:
      path: the workbook.
      kind: what it is, for messages.
      rows: how many rows of each to read.

    Raises:
      UserError: there is no such file, it cannot be read, or it is larger than any table of
        clips.
    """
    if not is_file(path):
        raise UserError(f"there is no {kind} {path}")
    bounds.check_size(path, bounds.WORKBOOK_BYTES, kind)
    status = path.stat()
    try:
        _check_parts(path, (status.st_mtime_ns, status.st_size))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl's, on formats that no cell depends on
            sheets = pd.read_excel(
                path,
                sheet_name=None,
                header=None,
                dtype=object,
                engine="openpyxl",
                nrows=rows,
            )
    except (MemoryError, UserError):
        raise
    except Exception as error:  # zip, XML and openpyxl fail in a dozen ways on damaged files
        raise UserError(f"{path} is not a readable .xlsx workbook: save it as one again") from error
    return list(sheets.values())


@functools.lru_cache(maxsize=256)
def _check_parts(path: pathlib.Path, _version: tuple[int, int]) -> None:
    """Refuses a workbook that would take more memory or time than a table of clips does."""
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        # No more of a part is unpacked than it announces.
        unpacked = sum(part.file_size for part in parts)
        if unpacked > bounds.WORKBOOK_BYTES or len(parts) > _PARTS:
            raise UserError(
                f"{path} unpacks to {unpacked / bounds.MEBI:,.0f} MiB in {len(parts)} parts, more "
                "than any table of clips: save its cells alone as a new workbook"
            )
        length = 0
        for part in parts:
            if part.compress_type not in _METHODS:
                raise ValueError(f"{part.filename} is packed as in no workbook")
            if part.filename.lower().endswith((".xml", ".rels")):
                with archive.open(part) as file:
                    for row, filled, last in _rows(file):
                        if filled:
                            _check_place(path, row, filled)
                        length += last
                        if length > bounds.WORKBOOK_CELLS:
                            raise UserError(f"{path} has too many cells: is it a table of clips?")


def _rows(file: IO[bytes]) -> Iterator[tuple[int, int, int]]:
    """Of each row of a part: its number, the column of its last cell that is not blank, the last.

    Raises:
      ValueError: no spreadsheet writes such a part.
    """
    above: list[ElementTree.Element] = []
    row = 0
    for event, element in ElementTree.iterparse(file, ("start", "end")):
        if event == "start":
            above.append(element)
            if len(above) > _DEPTH:
                raise ValueError("elements are nested as in no workbook")
            continue
        above.pop()
        is_row = element.tag.endswith("}row")
        if is_row:
            row = int(element.get("r", row + 1))
            filled = next((cell for cell in reversed(element) if len(cell)), None)
            yield row, _column(element, filled), _column(element, next(reversed(element), None))
        if above:
            if len(above[-1]) > _CHILDREN:
                raise ValueError("there are more elements side by side than in any workbook")
            if is_row or len(above) == 1:
                above[-1].remove(element)  # what has been seen is not kept


def _column(row: ElementTree.Element, cell: ElementTree.Element | None) -> int:
    """Where a cell of a row stands, from 1; where it does not say, as far right as it may be."""
    if cell is None:
        return 0
    # Takes a tenth of a second, which no command should wait for that reads no workbook.
    from openpyxl.utils.cell import coordinate_to_tuple

    name = cell.get("r")
    return coordinate_to_tuple(name)[1] if name else len(row)


def _check_place(path: pathlib.Path, row: int, column: int) -> None:
    if row > bounds.TABLE_ROWS or column > bounds.TABLE_COLUMNS:
        from openpyxl.utils.cell import get_column_letter

        raise UserError(
            f"{path} has something in cell {get_column_letter(max(1, column))}{row}, and a table of"
            f" clips has at most {bounds.TABLE_ROWS:,} rows and {bounds.TABLE_COLUMNS:,} columns:"
            " clear that cell"
        )
