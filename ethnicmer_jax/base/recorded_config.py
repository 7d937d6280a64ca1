"""What a work directory has recorded of its config, completed by what it could not know."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from configs import common
from ethnicmer_jax.base import settings
from ethnicmer_jax.base.grouping import Grouping, grouping
from ethnicmer_jax.base.schema import UserError

BESIDE = ("database", "starts")
"""What config.json has beside the config: which database and which weights were used."""


def checked(recorded: Mapping[str, Any], path: pathlib.Path) -> dict[str, Any]:
    """The config in a config.json, completed.

    Args:
      recorded: its content.
      path: of the file, for the message.

    Raises:
      UserError: a value in it is no setting of this program.
    """
    values = completed({name: value for name, value in recorded.items() if name not in BESIDE})
    try:
        settings.check(values)
    except UserError as error:
        raise UserError(f"{path} is no config of this program: {error}; {MEND}") from None
    return values


def grouping_of(config: Mapping[str, Any]) -> Grouping | None:
    """The grouping that a recorded config names; None where it names none.

    Raises:
      UserError: it names none that there is.
    """
    protocol = config.get("protocol")
    if not isinstance(protocol, Mapping) or "grouping" not in protocol:
        return None
    name, custom = protocol["grouping"], protocol.get("grouping_custom")
    try:
        return grouping(name, custom)
    except (TypeError, AttributeError):
        shown = json.dumps([name, custom])
        raise UserError(f"config.json names no grouping, but {shown}; bring back a copy") from None


MEND = "it says which settings these results are of; bring back a copy of it"


def completed(recorded: Any) -> Any:
    """A recorded config with the settings that were added since, at their defaults.

    A new setting's default is what the program did before there was the setting, so a work
    directory of an earlier version stays usable.
    """
    defaults = json.loads(json.dumps(common.get_config().to_dict()))
    if not isinstance(recorded, Mapping):
        return recorded
    values = _with_defaults(recorded, defaults)
    if isinstance(values["data"], Mapping):
        # It was a number as long as there were two schemes.
        values["data"] = {**values["data"], "classes": str(values["data"]["classes"])}
    return values


def _with_defaults(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    known = {
        key: _with_defaults(value, defaults[key])
        if isinstance(value, Mapping) and isinstance(defaults.get(key), Mapping)
        else value
        for key, value in values.items()
    }
    return {**known, **{key: defaults[key] for key in defaults if key not in known}}
