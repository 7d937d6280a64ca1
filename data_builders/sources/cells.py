"""Reads the cells of manifests, coding sheets and tables of labels, all by the same rules.

Text in, value out, ValueError where a cell is faulty. An age is a decade of life, 0 to 12:
25 is no decade, and nobody can tell whether a 7 among ages in years means a child.
Action Units have a grammar and so a module of their own, `action_units`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from ethnicmer_jax.base.run_id import Kind, name_fault
from ethnicmer_jax.base.schema import ETHNICITIES, GENDERS, UNKNOWN, coded_emotion

SHEET_SOURCE = "coding sheet"
"""Who labelled the ethnicity that stands in a coding sheet."""

UNKNOWN_CELLS = ("", "-1", "nan", "unknown", "error")
"""What stands for an age or a gender that nobody knows, in lower case."""

_GENDER_CODES: Mapping[int | None, str] = {0: "male", 1: "female"}


MISSING = ("na", "n/a", "#n/a", "nan", "<na>", "null", "none", "nil")
"""What R, pandas and spreadsheets write for a value that is missing, in lower case."""

_LONGEST = 80
_WHOLE = re.compile(r"(-?[0-9]{1,9})(?:[.,]0{0,2})?", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,9}(?:[.,][0-9]{0,20})?", re.ASCII)
_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2},[0-9]{3}", re.ASCII)


def quoted(text: object) -> str:
    """A cell for messages: quoted, and cut where it is longer than a line has room for."""
    shown = repr(text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 4]}...{shown[-1]}"


def text_of(cell: object) -> str:
    """A typed cell as text: 2.0 is "2", a blank one ""."""
    return "" if cell is None else str(cell).strip().removesuffix(".0")


def is_missing(text: str) -> bool:
    """Whether a cell stands for a missing value; a blank one does."""
    return not text or text.lower() in MISSING


def whole(text: str) -> int | None:
    """The whole number in `46`, `0046`, `46.0` or `46,0`, of at most nine digits; else None.

    Three zeros behind a comma or a point may mean thousands.
    """
    match = _WHOLE.fullmatch(text.strip())
    return int(match[1]) if match else None


def number(text: str) -> float | None:
    """The number in `29.97` or, with a decimal comma, `29,97`; else None.

    Raises:
      ValueError: nobody can tell whether `1,000` is one or a thousand.
    """
    text = text.strip()
    if _THOUSANDS.fullmatch(text):
        raise ValueError(f"{quoted(text)} may be a decimal or a thousand: write it without a comma")
    return float(text.replace(",", ".")) if _DECIMAL.fullmatch(text) else None


def code(text: str) -> str:
    """A code that can be part of a clip's key and of a folder's name."""
    if not text:
        raise ValueError("is blank")
    if "/" in text or text in (".", "..") or any(unicodedata.category(c) == "Cc" for c in text):
        raise ValueError(f"{quoted(text)} must not be . or .. or contain / or control characters")
    return text


def name(kind: Kind, text: str) -> str:
    """The name of a database or subject, which folds and their folders are named after."""
    if fault := name_fault(kind, code(text)):
        raise ValueError(f"{quoted(text)} {fault}")
    return text


def emotion(text: str) -> str:
    """One of `schema.EMOTIONS`, whatever its case and by its synonyms too."""
    try:
        return coded_emotion(text)
    except ValueError as error:
        if not text.strip():
            raise
        raise ValueError(
            f"{error}; words of another language are translated by [cells.emotion] of a mapping "
            "file, see docs/manifests.md"
        ) from None


def ethnicity(text: str) -> str:
    """One of `schema.ETHNICITIES`, whatever its case; blank is Unknown."""
    by_lower = {name.lower(): name for name in ETHNICITIES} | {"": UNKNOWN}
    if text.lower() not in by_lower:
        raise ValueError(
            f"{quoted(text)} is unknown; use {', '.join(ETHNICITIES)} or leave it blank"
        )
    return by_lower[text.lower()]


def race(text: str) -> str:
    """The ethnicity of a code of the reference's annotation, 0 to 4; blank is Unknown."""
    if not text:
        return UNKNOWN
    found = whole(text)
    if found is None or not 0 <= found < len(ETHNICITIES) - 1:
        names = ", ".join(f"{code} {name}" for code, name in enumerate(ETHNICITIES[:-1]))
        raise ValueError(f"{quoted(text)} is not one of the codes {names}")
    return ETHNICITIES[found]


def gender(text: str) -> str:
    """One of `schema.GENDERS`, by name in any case or by code."""
    lower = text.lower()
    found = "unknown" if lower in UNKNOWN_CELLS else _GENDER_CODES.get(whole(text), lower)
    if found not in GENDERS:
        raise ValueError(
            f"{quoted(text)} is unknown; use {', '.join(GENDERS)}, 0 (male) or 1 (female)"
        )
    return found


def age_decade(text: str) -> int:
    """Decade of life, -1 unknown."""
    if text.lower() in UNKNOWN_CELLS:
        return -1
    decade = whole(text)
    if decade is None or not 0 <= decade <= 12:
        raise ValueError(
            f"{quoted(text)} is no decade of life from 0 to 12: 2 means the twenties; of an age in "
            "years, leave out the last digit"
        )
    return decade


def person(row: Mapping[str, object]) -> dict[str, Any]:
    """Labels from the reference's codes in a row of a coding sheet.

    Args:
      row: may hold `race`, `age` (decade of life) and `gender`.

    Returns:
      Fields of `schema.ClipLabels`.
    """

    def read(column: str, parse: Callable[[str], Any]) -> Any:
        try:
            return parse(text_of(row.get(column)))
        except ValueError as error:
            raise ValueError(f"{column.capitalize()} {error}") from None

    ethnicity = read("race", race)
    return {
        "ethnicity": ethnicity,
        "ethnicity_source": "" if ethnicity == UNKNOWN else SHEET_SOURCE,
        "age_decade": read("age", age_decade),
        "gender": read("gender", gender),
    }


def fps(text: str) -> float:
    """Frames per second, NaN where it is blank."""
    if is_missing(text):
        return math.nan
    rate = number(text)
    if rate is None or rate <= 0:
        raise ValueError(f"{quoted(text)} is no number of frames per second")
    return rate


def share(what: str, text: str) -> float:
    """A share from 0 to 1, NaN where it is blank."""
    if is_missing(text):
        return math.nan
    found = number(text)
    if found is None or not 0 <= found <= 1:
        raise ValueError(f"{what} {quoted(text)} is not a share from 0 to 1")
    return found
