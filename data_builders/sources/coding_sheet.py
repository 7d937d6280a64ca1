"""Reads a database's coding sheet (.xlsx) into rows with one set of column names.

CASME II writes `OnsetFrame`, SAMM `Onset` or `Onset Frame`, and the official SAMM
workbook has a title block above its header. Here the header is found wherever it
is, and its names are compared without case, spaces and the word "frame".
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import zipfile
from collections.abc import Mapping

import pandas as pd
from openpyxl.utils.exceptions import InvalidFileException

from ethnicmer_jax.base.schema import UserError

REQUIRED: Mapping[str, str] = {
    "subject": "Subject",
    "filename": "Filename",
    "onset": "Onset",
    "apex": "Apex",
    "offset": "Offset",
    "actionunits": "Action Units",
    "estimatedemotion": "Estimated Emotion",
}
"""Column name as it is compared -> as the user knows it."""

OPTIONAL = ("race", "age", "gender")
"""Columns that the reference's annotation adds to the official sheets."""

_SEARCHED_ROWS = 40
_HEADER_MATCHES = 3


@dataclasses.dataclass(frozen=True)
class CodedRow:
    """One row of a coding sheet.

    Attributes:
      where: file name and row number as the spreadsheet shows it.
      cells: value by column, keys of REQUIRED and those of OPTIONAL that are there;
        a blank cell is None.
      extra: the other columns that are not blank, under their own names, as text.
    """

    where: str
    cells: Mapping[str, object]
    extra: Mapping[str, str]


def find_sheet(raw: pathlib.Path, clip_code: re.Pattern[str], title: str) -> pathlib.Path:
    """The one workbook in `raw`, or in a folder directly in it, that codes a database.

    Args:
      raw: the user's folder.
      clip_code: what the database's clip codes look like; a workbook is known by them.
      title: the database's name, for messages.

    Raises:
      UserError: no workbook codes the database, or several do.
    """
    found = workbooks(raw)
    if not found:
        raise UserError(f"no coding sheet (.xlsx) of {title} in {raw}: put the official one there")
    fitting = [path for path in found if _holds(path, clip_code)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(str(path.relative_to(raw)) for path in fitting)
        raise UserError(f"several sheets code clips of {title}: {names}; leave one of them there")
    names = ", ".join(str(path.relative_to(raw)) for path in found)
    raise UserError(f"no sheet codes a clip of {title}; looked into {names}")


def workbooks(raw: pathlib.Path) -> list[pathlib.Path]:
    """The workbooks in a folder or directly in a folder of it, without those that Excel locks."""
    return [
        path
        for pattern in ("*.xlsx", "*/*.xlsx")
        for path in sorted(raw.glob(pattern))
        if not path.name.startswith(("~$", "."))
    ]


def read_rows(path: pathlib.Path) -> list[CodedRow]:
    """All rows below the header that are not blank.

    Raises:
      UserError: the file is no workbook, has no header, lacks a column (the message
        lists those missing and those found) or has no rows.
    """
    grid, header_row = _header(path, _worksheets(path))
    header = [_text(cell) for cell in grid.iloc[header_row]]
    columns = [_key(name) for name in header]
    missing = [shown for key, shown in REQUIRED.items() if key not in columns]
    if missing:
        found = ", ".join(name for name in header if name)
        raise UserError(
            f"{path.name} lacks the column {', '.join(missing)}; row {header_row + 1} has {found}"
        )
    rows = [
        _row(f"{path.name} row {index + 1}", header, columns, grid.iloc[index])
        for index in range(header_row + 1, len(grid))
        if grid.iloc[index].notna().any()
    ]
    if not rows:
        raise UserError(f"{path.name} lists no clips below its header (row {header_row + 1})")
    return rows


def _row(where: str, header: list[str], columns: list[str], values: pd.Series) -> CodedRow:
    known = {*REQUIRED, *OPTIONAL}
    cells: dict[str, object] = {}
    extra: dict[str, str] = {}
    for name, key, value in zip(header, columns, values, strict=True):
        value = None if pd.isna(value) else value
        if key in known:
            cells.setdefault(key, value)
        elif value is not None and name:
            extra[name] = _text(value)
    return CodedRow(where, cells, extra)


def _worksheets(path: pathlib.Path) -> list[pd.DataFrame]:
    """Every worksheet as it stands, cells as the spreadsheet types them."""
    if not path.is_file():
        raise UserError(f"there is no coding sheet {path}")
    try:
        sheets = pd.read_excel(path, sheet_name=None, header=None, dtype=object, engine="openpyxl")
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise UserError(f"{path} is not a readable .xlsx workbook: save it as one again") from error
    return list(sheets.values())


def _header(path: pathlib.Path, grids: list[pd.DataFrame]) -> tuple[pd.DataFrame, int]:
    """The worksheet and row with the most known column names."""
    matches = [
        (len({_key(_text(cell)) for cell in grid.iloc[row]} & {*REQUIRED}), grid, row)
        for grid in grids
        for row in range(min(len(grid), _SEARCHED_ROWS))
    ]
    count, grid, row = max(matches, key=lambda match: match[0], default=(0, None, 0))
    if count < _HEADER_MATCHES:
        wanted = ", ".join(REQUIRED.values())
        raise UserError(f"{path.name} has no header row with the columns {wanted}")
    return grid, row


def _holds(path: pathlib.Path, clip_code: re.Pattern[str]) -> bool:
    try:
        grids = _worksheets(path)
    except UserError:
        return False
    return any(
        isinstance(cell, str) and clip_code.fullmatch(cell.strip()) is not None
        for grid in grids
        for cell in grid.to_numpy().ravel()
    )


def _key(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower()).replace("frame", "")


def _text(cell: object) -> str:
    if cell is None or (pd.api.types.is_scalar(cell) and pd.isna(cell)):
        return ""
    return str(cell).strip()
