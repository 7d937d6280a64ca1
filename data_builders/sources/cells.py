"""Reads the cells of a manifest: text in, value out, ValueError where a cell is faulty."""

from __future__ import annotations

import math
import unicodedata

from ethnicmer_jax.base.run_id import Kind, name_fault
from ethnicmer_jax.base.schema import (
    ETHNICITIES,
    GENDERS,
    RAW_EMOTION_TO_CLASS,
    UNKNOWN,
    emotion_class,
)

WITHOUT_CLASS = ("other", "others")
"""Coded emotions that belong to none of the three classes."""


def code(text: str) -> str:
    """A code that can be part of a clip's key and of a folder's name."""
    if not text:
        raise ValueError("is blank")
    if "/" in text or text in (".", "..") or any(unicodedata.category(c) == "Cc" for c in text):
        raise ValueError(f"{text!r} must not be . or .. or contain / or control characters")
    return text


def name(kind: Kind, text: str) -> str:
    """The name of a database or subject, which folds and their folders are named after."""
    if fault := name_fault(kind, code(text)):
        raise ValueError(f"{text!r} {fault}")
    return text


def emotion(text: str) -> str:
    """The class of a coded emotion, "" for those without one (WITHOUT_CLASS)."""
    if not text:
        raise ValueError("is blank")
    known = emotion_class(text)
    if known is None and text.lower() not in WITHOUT_CLASS:
        names = ", ".join([*RAW_EMOTION_TO_CLASS, *WITHOUT_CLASS])
        raise ValueError(f"{text!r} is unknown; known: {names}")
    return known or ""


def ethnicity(text: str) -> str:
    """One of `schema.ETHNICITIES`, whatever its case; blank is Unknown."""
    return _named(text, ETHNICITIES, UNKNOWN)


def gender(text: str) -> str:
    """One of `schema.GENDERS`, whatever its case; blank is unknown."""
    return _named(text, GENDERS, "unknown")


def age_decade(text: str) -> int:
    """Decade of life, -1 where it is blank."""
    if text in ("", "-1"):
        return -1
    if not text.isdecimal() or int(text) > 12:
        raise ValueError(f"{text!r} is no decade of life, 0 to 12 (2 means the twenties)")
    return int(text)


def fps(text: str) -> float:
    """Frames per second, NaN where it is blank."""
    try:
        rate = float(text or "nan")
    except ValueError:
        rate = 0.0
    if rate <= 0 or math.isinf(rate):
        raise ValueError(f"{text!r} is no number of frames per second")
    return rate


def _named(text: str, names: tuple[str, ...], blank: str) -> str:
    by_lower = {name.lower(): name for name in names} | {"": blank}
    if text.lower() not in by_lower:
        raise ValueError(f"{text!r} is unknown; use {', '.join(names)} or leave it blank")
    return by_lower[text.lower()]
