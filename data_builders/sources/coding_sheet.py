"""Reads a database's coding sheet (.xlsx) into rows with one set of column names.

CASME II writes `OnsetFrame`, SAMM `Onset` or `Onset Frame`, and the official SAMM
workbook has a title block above its header. Here the header is found wherever it
is, and its names are compared without case, spaces and the word "frame".
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from data_builders.sources import workbook
from data_builders.sources.frame_tree import SEARCHED_DEPTH, is_litter, once
from ethnicmer_jax.base.schema import UserError

Names = Mapping[str, tuple[str, ...]]
"""Cell of `CodedRow.cells` -> what its column may be called; the first stands in messages."""

PERSON: Names = {"race": ("Race",), "age": ("Age",), "gender": ("Gender",)}
"""Columns that the reference's annotation adds to the official sheets."""


@dataclasses.dataclass(frozen=True)
class Columns:
    """What the columns of a sheet are called.

    Attributes:
      required: those that a sheet must have.
      optional: those that it may have.
    """

    required: Names
    optional: Names = dataclasses.field(default_factory=lambda: PERSON)

    def cell_of(self, name: str) -> str | None:
        """The cell that a column of this name holds, if any."""
        key = _key(name)
        for cell, names in (*self.required.items(), *self.optional.items()):
            if key in map(_key, names):
                return cell
        return None


OFFICIAL = Columns(
    {
        "subject": ("Subject",),
        "filename": ("Filename",),
        "onset": ("Onset",),
        "apex": ("Apex",),
        "offset": ("Offset",),
        "actionunits": ("Action Units",),
        "estimatedemotion": ("Estimated Emotion",),
    }
)
"""The columns of CASME II's and SAMM's sheets."""

_SEARCHED_ROWS = 40
_VERSION = re.compile(r"(?<![a-z0-9])(?:v?([0-9]+)|updated|new|final|copy|release)(?![a-z0-9])")
_HEADER_MATCHES = 3


@dataclasses.dataclass(frozen=True)
class CodedRow:
    """One row of a coding sheet.

    Attributes:
      where: file name and row number as the spreadsheet shows it.
      cells: value by column, those of `Columns` that are there; a blank cell is None.
      extra: the other columns that are not blank, under their own names, as text.
    """

    where: str
    cells: Mapping[str, object]
    extra: Mapping[str, str]


def find_sheet(
    raw: pathlib.Path, clip_code: re.Pattern[str], title: str, columns: Columns = OFFICIAL
) -> pathlib.Path:
    """The workbook in `raw`, or in a folder in it, that codes a database.

    Of several versions, whose names differ in numbers and words such as "updated" only, the
    last one counts (the date or version in its name is the highest).

    Args:
      raw: the user's folder.
      clip_code: what the database's clip codes look like; a workbook is known by them.
      title: the database's name, for messages.
      columns: what its columns are called; of several workbooks those that have them count.

    Raises:
      UserError: no workbook codes the database, or several do.
    """
    found = _all_workbooks(raw, title)
    fitting = [path for path in found if _holds(path, clip_code)]
    if len(fitting) > 1:
        fitting = [path for path in fitting if _has(path, columns)] or fitting
    return _last(raw, found, fitting, title)


def choose_sheet(
    raw: pathlib.Path, columns: Columns, usual: re.Pattern[str], title: str
) -> pathlib.Path:
    """The workbook in `raw`, or in a folder in it, that has the columns of a database.

    Args:
      raw: the user's folder.
      columns: what its columns are called.
      usual: found in the name of the right workbook, in small letters with _ for all else but
        letters and digits; where no workbook is called so, any with these columns counts.
      title: the database's name, for messages.

    Raises:
      UserError: no workbook has the columns, or several have that are no versions of one.
    """
    found = _all_workbooks(raw, title)
    named = [p for p in found if usual.search(re.sub("[^a-z0-9]+", "_", p.stem.lower()))]
    fitting = [path for path in named if _has(path, columns)]
    fitting = fitting or [path for path in found if _has(path, columns)]
    return _last(raw, found, fitting, title)


def sheets_with(
    raw: pathlib.Path, columns: Columns, clip_code: re.Pattern[str], title: str
) -> tuple[pathlib.Path, ...]:
    """All workbooks in `raw`, or in a folder in it, that have a database's columns and codes.

    Of files with the same content the first counts.

    Raises:
      UserError: there is none.
    """
    found = _all_workbooks(raw, title)
    fitting: dict[bytes, pathlib.Path] = {}
    for path in found:
        if _has(path, columns, clip_code):
            fitting.setdefault(path.read_bytes(), path)
    if not fitting:
        _last(raw, found, [], title)
    return tuple(fitting.values())


def _all_workbooks(raw: pathlib.Path, title: str) -> list[pathlib.Path]:
    found = workbooks(raw)
    if not found:
        raise UserError(
            f"no coding sheet (.xlsx) of {title} in {raw}: put the official one there; save one "
            "that ends in .xls or .csv as .xlsx"
        )
    return found


def _last(
    raw: pathlib.Path, found: Sequence[pathlib.Path], fitting: Sequence[pathlib.Path], title: str
) -> pathlib.Path:
    """The one workbook that fits, or the last version of it."""
    if len({_unversioned(path) for path in fitting}) == 1:
        return max(fitting, key=_version)
    if fitting:
        names = ", ".join(str(path.relative_to(raw)) for path in fitting)
        raise UserError(f"several sheets code clips of {title}: {names}; leave one of them there")
    names = ", ".join(
        str(path.relative_to(raw)) + ("" if _is_readable(path) else " (no readable workbook)")
        for path in found
    )
    raise UserError(f"no sheet codes a clip of {title}; looked into {names}")


def _is_readable(path: pathlib.Path) -> bool:
    try:
        return bool(workbook.worksheets(path, rows=1))
    except UserError:
        return False


def workbooks(raw: pathlib.Path) -> list[pathlib.Path]:
    """The workbooks in a folder, as deep as frames are searched; without those Excel locks."""
    found = sorted(_workbooks(raw, SEARCHED_DEPTH), key=lambda path: (len(path.parts), path))
    return once(found)


def _workbooks(folder: pathlib.Path, depth: int) -> Iterator[pathlib.Path]:
    below = []
    with os.scandir(folder) as entries:
        for entry in entries:  # a million frames may lie here: no path is made of them
            if is_litter(entry.name):
                continue
            if entry.name.lower().endswith(".xlsx") and entry.is_file():
                yield pathlib.Path(entry.path)
            elif depth and entry.is_dir():
                below.append(pathlib.Path(entry.path))
    for path in below:
        yield from _workbooks(path, depth - 1)


def read_rows(path: pathlib.Path, columns: Columns = OFFICIAL) -> list[CodedRow]:
    """All rows below the header that are not blank.

    Args:
      path: the workbook.
      columns: what its columns are called.

    Raises:
      UserError: the file is no workbook, has no header, lacks a column (the message
        lists those missing and those found) or has no rows.
    """
    grid, header_row = _header(path, workbook.worksheets(path, "coding sheet"), columns)
    header = [_text(cell) for cell in grid.iloc[header_row]]
    cells = [columns.cell_of(name) for name in header]
    missing = [names[0] for cell, names in columns.required.items() if cell not in cells]
    if missing:
        found = ", ".join(name for name in header if name)
        raise UserError(
            f"{path.name} lacks the column {', '.join(missing)}; row {header_row + 1} has {found}"
        )
    below = grid.iloc[header_row + 1 :]
    below = below.astype(object).where(below.notna(), None)
    rows = [
        _row(f"{path.name} row {index + 1}", header, cells, values)
        for index, values in enumerate(below.to_numpy().tolist(), header_row + 1)
        if any(map(_text, values))
    ]
    if not rows:
        raise UserError(f"{path.name} lists no clips below its header (row {header_row + 1})")
    return rows


def _row(where: str, header: list[str], cells: list[str | None], values: list[object]) -> CodedRow:
    known: dict[str, object] = {}
    extra: dict[str, str] = {}
    for name, cell, value in zip(header, cells, values, strict=True):
        if cell is not None:
            known.setdefault(cell, value)
        elif value is not None and name:
            extra[name] = _text(value)
    return CodedRow(where, known, extra)


def _header(
    path: pathlib.Path, grids: list[pd.DataFrame], columns: Columns
) -> tuple[pd.DataFrame, int]:
    """The worksheet and row with the most known column names."""
    matches = [
        (
            len({columns.cell_of(_text(cell)) for cell in grid.iloc[row]} & {*columns.required}),
            grid,
            row,
        )
        for grid in grids
        for row in range(min(len(grid), _SEARCHED_ROWS))
    ]
    count, grid, row = max(matches, key=lambda match: match[0], default=(0, None, 0))
    if count < _HEADER_MATCHES:
        wanted = ", ".join(names[0] for names in columns.required.values())
        raise UserError(f"{path.name} has no header row with the columns {wanted}")
    return grid, row


def _holds(path: pathlib.Path, clip_code: re.Pattern[str]) -> bool:
    try:
        return any(_codes_in(grid, clip_code) for grid in workbook.worksheets(path))
    except UserError:
        return False


def _has(path: pathlib.Path, columns: Columns, clip_code: re.Pattern[str] | None = None) -> bool:
    """Whether the first rows have all columns, and a clip's code where one is asked for."""
    try:
        grids = workbook.worksheets(path, rows=2 * _SEARCHED_ROWS)
        grid, row = _header(path, grids, columns)
    except UserError:
        return False
    if not {*columns.required} <= {columns.cell_of(_text(cell)) for cell in grid.iloc[row]}:
        return False
    return clip_code is None or _codes_in(grid, clip_code)


def _codes_in(grid: pd.DataFrame, clip_code: re.Pattern[str]) -> bool:
    code = re.compile(clip_code.pattern, clip_code.flags | re.IGNORECASE)
    return any(
        isinstance(cell, str) and code.fullmatch(cell.strip()) is not None
        for cell in grid.to_numpy().ravel()
    )


def _unversioned(path: pathlib.Path) -> str:
    """A workbook's name without what tells its versions apart."""
    return re.sub("[^a-z0-9]+", "", _VERSION.sub("", path.stem.lower()))


def _version(path: pathlib.Path) -> tuple[tuple[int, ...], bool, str]:
    """What versions of a workbook are ordered by: the numbers in the name, then "updated"."""
    words = list(_VERSION.finditer(path.stem.lower()))
    numbers = tuple(int(word[1]) for word in words if word[1])
    return numbers, any(word[0] == "updated" for word in words), path.name


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower()).replace("frame", "")


def _text(cell: object) -> str:
    if cell is None or (pd.api.types.is_scalar(cell) and pd.isna(cell)):
        return ""
    return str(cell).strip()
