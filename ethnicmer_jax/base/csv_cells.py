"""Cells of the tables that people open: none of them is run as a formula.

A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line's end for a
formula, and a name such as `=HYPERLINK("...")` from somebody else's manifest would be run. Such a
text gets an apostrophe in front when it is written, unless it is a number, and loses it when it is
read; a text that begins with apostrophes and then like a formula gets one more, so that every
text comes back as it was.
"""

from __future__ import annotations

import csv
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_MADE_SAFE = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?([0-9][0-9.,]*|[.,][0-9]+)(e[+-]?[0-9]+)?%?|[+-]?(inf|nan)?", re.I)


def safe(text: str) -> str:
    """The text as it is written into a cell; numbers stay as they are."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def plain(text: str) -> str:
    """The inverse of `safe`."""
    return text[1:] if _MADE_SAFE.match(text) else text


def to_csv(table: pd.DataFrame, target: pathlib.Path | None = None, **options: Any) -> str | None:
    """`DataFrame.to_csv` without the index, texts and names of columns `safe`.

    A text with a carriage return is quoted, which Python before 3.13 forgets: what stands behind
    it would begin a line of its own.
    """
    texts = {name: _texts(table[name]) for name in table.columns}
    if any("\r" in text for found in texts.values() for text in found):
        options["quoting"] = csv.QUOTE_NONNUMERIC
    return _changed(table, texts, safe).to_csv(target, index=False, lineterminator="\n", **options)


def plain_table(table: pd.DataFrame) -> pd.DataFrame:
    """A table as it was before `to_csv`."""
    return _changed(table, {name: _texts(table[name]) for name in table.columns}, plain)


def _texts(column: pd.Series) -> set[str]:
    """The different texts of a column: of many rows, most hold the same few."""
    if pd.api.types.is_numeric_dtype(column):
        return set()
    return {text for text in column if isinstance(text, str)}


def _changed(
    table: pd.DataFrame, texts: Mapping[Any, set[str]], change: Callable[[str], str]
) -> pd.DataFrame:
    found: dict[str, pd.Series] = {}
    for name, own in texts.items():
        if new := {text: change(text) for text in own if change(text) != text}:
            found[name] = (
                table[name]
                .astype(object)
                .map(
                    lambda value, of=new: of.get(value, value) if isinstance(value, str) else value
                )
            )
    names = {name: change(name) for name in table.columns if isinstance(name, str)}
    if all(new == name for name, new in names.items()):
        return table.assign(**found) if found else table
    return table.assign(**found).rename(columns=names)
