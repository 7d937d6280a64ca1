"""What a work directory has recorded of its config, completed by what it could not know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from configs import common


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
