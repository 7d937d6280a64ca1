"""The text of a config that says what sets simulated laboratories apart."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ethnicmer_jax.base.schema import UserError

_ENTRY = re.compile(r"(\w+):(.+)")
_NEXT = re.compile(r",(?=\w+=)")
_OF_ALL = ("seed", "cohorts", "laboratories")


def parse(text: str) -> Mapping[str, tuple[str, ...]]:
    """Database -> its `name=value` settings.

    Args:
      text: `database:name=value,name=value;database:...`, or "" for none.

    Raises:
      UserError: an entry reads otherwise, comes twice, or sets what all have in common.
    """
    made: dict[str, tuple[str, ...]] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        match = _ENTRY.fullmatch(entry.replace(" ", ""))
        if match is None or match[1] in made:
            raise UserError(
                f"simulated laboratories: {entry!r} does not read database:name=value,name=value, "
                "once for each database, with ; between them"
            )
        settings = tuple(_NEXT.split(match[2]))
        for setting in settings:
            if setting.partition("=")[0] in _OF_ALL:
                raise UserError(
                    f"simulated laboratories: {setting!r} is no setting of one laboratory; "
                    f"{', '.join(_OF_ALL)} hold for all"
                )
        made[match[1]] = settings
    return made
