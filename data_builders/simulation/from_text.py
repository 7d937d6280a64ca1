"""Reads simulation options as a command line gives them: `effect=1`, `seed=3`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from ethnicmer_jax.schema import UserError


def from_text(settings: Sequence[str]) -> SimulatedOptions:
    """Options from `name=value` settings; what is not named keeps its default.

    `cohorts` reads `database:ethnicity:subjects[:grey],...`, `class_shares` three numbers
    separated by commas.

    Raises:
      UserError: a setting reads otherwise, or its value is out of range.
    """
    readers = {field.name: _reader(field) for field in dataclasses.fields(SimulatedOptions)}
    values = {}
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator or name not in readers:
            known = ", ".join(readers)
            raise UserError(f"simulated setting {setting!r} must be name=value; names: {known}")
        try:
            values[name] = readers[name](text)
        except ValueError as error:
            raise UserError(f"simulated {name} cannot be {text!r}") from error
    return SimulatedOptions(**values)


def _reader(field: dataclasses.Field) -> Callable[[str], Any]:
    if field.name == "cohorts":
        return parse_cohorts
    if isinstance(field.default, tuple):
        return lambda text: tuple(map(float, text.split(",")))
    return type(field.default)
