"""Options of a backbone as text, so that a flag can set them on a locked config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_collections

from ethnicmer_jax.base.schema import UserError

_WORDS = {"true": True, "false": False}


def parse(
    options: str | Mapping[str, Any] | ml_collections.ConfigDict, setting: str
) -> dict[str, Any]:
    """Reads options such as `padding=2,dropout=0.5`.

    Args:
      options: names and values joined by `=`, pairs by commas; a mapping is taken as it is.
        Values are numbers, true, false, numbers joined by `+` for a tuple, or text.
      setting: name of the setting, for messages.

    Raises:
      UserError: a pair has no `=` or no name, or a name comes twice.
    """
    if not isinstance(options, str):
        return dict(options)
    pairs: dict[str, Any] = {}
    for pair in filter(None, (part.strip() for part in options.split(","))):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not (name and equals and value):
            raise UserError(f"{setting}: {pair!r} is not name=value, such as padding=2,dropout=0.5")
        if name in pairs:
            raise UserError(f"{setting}: {name} comes twice")
        pairs[name] = _value(value)
    return pairs


def _value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    # After float: 1e+3 is a number.
    return tuple(map(_value, text.split("+"))) if "+" in text else text
