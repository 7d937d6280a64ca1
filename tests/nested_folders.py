"""Folders of clips with empty image files: listing clips reads names, not pixels."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping

import pandas as pd


def write_frames(folder: pathlib.Path, numbers: Iterable[int], name: str = "{}.jpg") -> None:
    """Empty files called after their frame numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / name.format(number)).touch()


def write_sheet(path: pathlib.Path, rows: Iterable[Mapping[str, object]]) -> pathlib.Path:
    """A workbook of rows that all have the same columns; gives its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_excel(path, index=False)
    return path
