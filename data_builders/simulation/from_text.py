"""Reads simulation options as a command line gives them: `effect=1`, `seed=3`."""

from __future__ import annotations

from collections.abc import Sequence

from data_builders.simulation.options import SimulatedOptions, from_mapping
from ethnicmer_jax.base.schema import UserError

_DEFAULTS = SimulatedOptions()


def from_text(settings: Sequence[str]) -> SimulatedOptions:
    """Options from `name=value` settings; what is not named keeps its default.

    `cohorts` reads `database:ethnicity:subjects[:grey],...`, or `confounded` or `balanced`;
    `class_shares` three numbers separated by commas.

    Raises:
      UserError: a setting reads otherwise, or its value is out of range.
    """
    values = {}
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator:
            raise UserError(f"simulated setting {setting!r} must be name=value")
        try:
            values[name] = _value(getattr(_DEFAULTS, name, ""), text)
        except ValueError as error:
            raise UserError(f"simulated {name} cannot be {text!r}") from error
    return from_mapping(values)


def _value(default: object, text: str) -> object:
    """The text as what its default is: cohorts stay text, a tuple of numbers is split."""
    if isinstance(default, int | float):
        return type(default)(text)
    if isinstance(default, tuple) and isinstance(default[0], float):
        return tuple(map(float, text.split(",")))
    return text
