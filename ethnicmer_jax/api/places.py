"""Paths that Python callers hand over."""

from __future__ import annotations

import os
import pathlib
from typing import Any, TypeAlias

from ethnicmer_jax.base.schema import UserError

Path: TypeAlias = str | os.PathLike[str]


def place(name: str, value: Any) -> pathlib.Path:
    """The path that an argument names.

    Raises:
      UserError: it is no path.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise UserError(f"{name} is {value!r}: give a path")
    return pathlib.Path(value)
