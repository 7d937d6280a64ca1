"""Reads the worksheets of an .xlsx workbook, whatever state it is in."""

from __future__ import annotations

import pathlib
import warnings

import pandas as pd

from data_builders.sources.paths import is_file
from ethnicmer_jax.base.schema import UserError

_MOST_ROWS = 200_000


def worksheets(
    path: pathlib.Path, kind: str = "workbook", rows: int = _MOST_ROWS + 1
) -> list[pd.DataFrame]:
    """Every worksheet as it stands, cells as the spreadsheet types them, without a header.

    Args:
      path: the workbook.
      kind: what it is, for messages.
      rows: how many rows of each to read.

    Raises:
      UserError: there is no such file, it cannot be read, or it has more rows than any
        table of clips.
    """
    if not is_file(path):
        raise UserError(f"there is no {kind} {path}")
    try:
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
    except MemoryError:
        raise
    except Exception as error:  # zip, XML and openpyxl fail in a dozen ways on damaged files
        raise UserError(f"{path} is not a readable .xlsx workbook: save it as one again") from error
    if any(len(sheet) > _MOST_ROWS for sheet in sheets.values()):
        raise UserError(f"{path} has more than {_MOST_ROWS} rows: is it a table of clips?")
    return list(sheets.values())
