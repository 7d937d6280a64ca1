"""provenance.json: how results came about, written once, before anything is trained.

    config       the resolved config, with its database and the weights that it starts from
    notes        what the protocol and the trainer had to say
    environment  command, code, date, devices, machine and versions; where another machine or other
                 versions went on, "continued" has what was other then

What a killed job has recorded is not asked of the machine that ends it: it is read from here.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ethnicmer_jax.base import files, progress, sums

FILE_NAME = "provenance.json"

_CONTINUED = "continued"
_EACH_TIME = ("command", "date")
"""What differs between two starts of the same program on the same machine."""


class Provenance(NamedTuple):
    """How results came about.

    Attributes:
      notes: one sentence each.
      environment: name -> what was recorded.
    """

    notes: Sequence[str]
    environment: Mapping[str, Any]


def begin(
    directory: pathlib.Path,
    config: Mapping[str, Any],
    notes: Sequence[str],
    environment: Mapping[str, Any],
    anew: bool = False,
) -> Provenance:
    """Writes the file, or completes what an earlier start has recorded.

    Args:
      directory: the work directory, which belongs to this config.
      config: content of config.json.
      notes: of the plan.
      environment: see `base.environment.describe`.
      anew: whether other results are replaced, and what was recorded of them.

    Returns:
      What is recorded now.
    """
    path = directory / FILE_NAME
    before = None if anew else _before(path)
    if before is None and not anew:
        environment = {**environment, **_unknown(directory)}
    elif before is not None:
        notes = list(dict.fromkeys([*before.notes, *notes]))
        environment = _completed(before.environment, environment)
    content = {"config": dict(config), "notes": list(notes), "environment": dict(environment)}
    if before is None or (before.notes, before.environment) != (notes, environment):
        files.write_json(path, content, summed=True)
    return Provenance(notes, environment)


def read(directory: pathlib.Path) -> Provenance:
    """What is recorded; work directories of earlier versions have it in metrics.json alone.

    Raises:
      DamagedError: the file was damaged or lost, and metrics.json does not have it either.
    """
    path, metrics = directory / FILE_NAME, directory / "metrics.json"
    try:
        if path.exists() or sums.is_lost(path):
            return _of(path)
    except sums.DamagedError as error:
        if not metrics.is_file():
            raise
        progress.say(f"{error.path} is damaged or lost; {metrics.name} says the same")
    return _of(metrics) if metrics.is_file() else Provenance((), {})


def config_of(directory: pathlib.Path) -> dict[str, Any] | None:
    """The config that results are of; None where nothing whole says so."""
    try:
        path = directory / FILE_NAME
        config = files.read_json(path).get("config") if path.exists() else None
    except sums.DamagedError:
        return None
    return config if isinstance(config, dict) else None


def _before(path: pathlib.Path) -> Provenance | None:
    try:
        return _of(path) if path.exists() else None
    except sums.DamagedError:
        sums.set_aside(path, "what it said of the start of this job is lost")
        return None


def _unknown(directory: pathlib.Path) -> dict[str, str]:
    """What must be said where folds were trained, and nothing tells by what."""
    path = directory / FILE_NAME
    if sums.is_lost(path):
        return {"begun": f"not known: {FILE_NAME} was damaged or lost"}
    if (directory / "parts").is_dir():
        return {"begun": "not known: by an earlier version"}
    return {}


def _of(path: pathlib.Path) -> Provenance:
    values = files.read_json(path)
    notes, environment = values.get("notes", []), values.get("environment", {})
    if not isinstance(notes, list) or not isinstance(environment, dict):
        raise sums.DamagedError(path, "holds no notes and environment", sums.BRING_BACK)
    return Provenance(list(map(str, notes)), environment)


def _completed(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The first environment, with whatever was other at a later start."""
    continued = before.get(_CONTINUED)
    later = continued if isinstance(continued, list) else []
    known = {**before, **(later[-1] if later and isinstance(later[-1], dict) else {})}
    other = {name: value for name, value in now.items() if known.get(name) != value}
    if set(other) <= set(_EACH_TIME):
        return dict(before)
    return {**before, _CONTINUED: [*later, other]}
