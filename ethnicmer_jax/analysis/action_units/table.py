"""The Action Units of a study's clips as a file, so that the report needs no data."""

from __future__ import annotations

import os
import pathlib

import pandas as pd

from ethnicmer_jax.base import files
from ethnicmer_jax.base.schema import ETHNICITIES, ActionUnit, UserError
from ethnicmer_jax.data.dataset import Dataset

COLUMNS = ("database", "subject", "clip", "emotion", "ethnicity", "action_units")
"""action_units: codes such as 12, L10 or R14A, joined by +; empty where none is coded."""


def write(dataset: Dataset, path: str | os.PathLike[str]) -> None:
    """Writes one row per clip, COLUMNS, whole or not at all; emotions are the classes."""
    table = pd.DataFrame(
        {
            "database": dataset.database,
            "subject": dataset.subject,
            "clip": dataset.clip,
            "emotion": [dataset.emotion_names[index] for index in dataset.emotion],
            "ethnicity": [ETHNICITIES[index] for index in dataset.ethnicity],
            "action_units": ["+".join(map(str, units)) for units in dataset.action_units],
        }
    )
    files.write_table(pathlib.Path(path), table, summed=True)


def read(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Reads the table; action_units holds a tuple of `schema.ActionUnit` a clip.

    Raises:
      UserError: the file is missing or no such table, or a code is not one.
    """
    path = pathlib.Path(path)
    try:
        table = files.read_table(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; train the study again to make it") from None
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}")
    parsed = [_parsed(cell, f"{path}, row {row}") for row, cell in
              enumerate(table["action_units"], start=2)]  # fmt: skip
    return table.assign(action_units=pd.Series(parsed, table.index, dtype=object))


def _parsed(cell: str, where: str) -> tuple[ActionUnit, ...]:
    try:
        return tuple(ActionUnit.from_code(code) for code in cell.split("+") if code)
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None
