"""Reads tables of labels, .csv or .xlsx, as text: 006 stays 006."""

from __future__ import annotations

import pathlib
import zipfile
from collections.abc import Iterable

import pandas as pd

from ethnicmer_jax.base.schema import UserError


def read(path: pathlib.Path, kind: str = "table") -> pd.DataFrame:
    """A table as text cells without surrounding blanks; empty cells are "".

    Args:
      path: a .csv (UTF-8) or .xlsx file.
      kind: what it is a table of, for messages.

    Returns:
      The rows that are not blank; row `index` stands in line `index + 2` of the file.

    Raises:
      UserError: there is no such file, or it is no table.
    """
    if not path.is_file():
        raise UserError(f"there is no {kind} {path}")
    try:
        if path.suffix.lower() == ".xlsx":
            table = pd.read_excel(path, dtype=str, keep_default_na=False)
        else:
            table = pd.read_csv(path, dtype=str, keep_default_na=False, skip_blank_lines=False)
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable table ({error})") from error
    table = table.fillna("").astype(str)
    table.columns = [str(name).strip() for name in table.columns]
    table = table.apply(lambda column: column.str.strip())
    return table[(table != "").any(axis=1)]


def require(path: pathlib.Path, table: pd.DataFrame, columns: Iterable[str]) -> None:
    """Refuses a table without these columns.

    Raises:
      UserError: names those that are missing and those that are there.
    """
    missing = [name for name in columns if name not in table]
    if missing:
        raise UserError(
            f"{path.name} lacks the columns {', '.join(missing)}; it has {', '.join(table.columns)}"
        )
