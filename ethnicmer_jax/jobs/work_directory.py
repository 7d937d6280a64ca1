"""What jobs, studies and whatever is made of them do with a work directory alike."""

from __future__ import annotations

import gc
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ml_collections
import pandas as pd

from ethnicmer_jax.base import files, predictions, progress, reportable, sums
from ethnicmer_jax.base.divergence import DivergedError
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.recorded_config import BESIDE, MEND, checked, completed
from ethnicmer_jax.base.run_id import ALL
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import incomplete, provenance
from ethnicmer_jax.protocols import complete

_STARTS = "starts"
"""In config.json: branch -> fingerprint of the weights that it starts from."""

_DERIVED = ("averaged", "points")
"""Settings in the config.json of a directory that `ensemble` or `select` has written."""


class Finished(NamedTuple):
    """What a report is made from.

    Attributes:
      table: predictions of every fold that was planned.
      notes: of provenance.json; none where nothing was recorded.
      environment: the same.
    """

    table: Predictions
    notes: Sequence[str]
    environment: Mapping[str, Any]


def claim(
    config: ml_collections.ConfigDict,
    directory: pathlib.Path,
    database: str | None,
    starts: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Writes config.json, or compares it with what the directory was used for.

    A directory whose scores must not be reported gets a file that says so.

    Args:
      config: the resolved config.
      directory: made if it does not exist.
      database: name of the built database.
      starts: branch -> fingerprint of the weights that it starts from, if any.

    Returns:
      The content of config.json.

    Raises:
      UserError: the directory was used with another config, database or start, or nothing says
        with which.
    """
    if not _mend_config(directory) and any((directory / name).exists() for name in _RESULTS):
        raise UserError(_unnamed(directory))
    marks = {_STARTS: dict(starts)} if starts else {}

    def known(recorded: Any) -> Any:
        # Earlier versions did not record where branches start.
        values = completed(recorded)
        return {**marks, **values} if isinstance(values, Mapping) else values

    content = {**config.to_dict(), "database": database, **marks}
    files.claim(directory, content, known)
    if reason := reportable.fault(config.to_dict()):
        files.write_text(directory / reportable.FILE_NAME, f"{reportable.marked(reason)}\n")
    return content


def check_claim(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    """Refuses a directory that was used with another config; the database may be gone.

    Predictions that came without a config.json, such as a copy of them alone, are let through
    with a warning.

    Raises:
      UserError: the message has the differences.
    """
    path = directory / "config.json"
    if _mend_config(directory):
        recorded = files.read_json(path)
        claim(config, directory, recorded.get("database"), recorded.get(_STARTS))
    elif (directory / "predictions.csv").is_file():
        progress.say(f"warning: {_unnamed(directory)}")


def recorded(directory: pathlib.Path) -> ml_collections.ConfigDict:
    """The config that a work directory was used with.

    Raises:
      UserError: the directory has no config.json, or a damaged one.
    """
    path = directory / "config.json"
    if not _mend_config(directory):
        raise UserError(f"{path} does not exist; name the config with --config")
    values = files.read_json(path)
    if not isinstance(values.get("protocol"), dict):
        raise UserError(f"{path} is no config; name the config with --config")
    if not is_derived(values):
        return ml_collections.ConfigDict(checked(values, path)).lock()
    own = {name: value for name, value in values.items() if name not in BESIDE}
    return ml_collections.ConfigDict(own).lock()


def recorded_whole(directory: pathlib.Path) -> dict[str, Any]:
    """The same as plain data, with what config.json has beside it: see `BESIDE`.

    Raises:
      UserError: see `recorded`.
    """
    values = recorded(directory).to_dict()
    written = files.read_json(directory / "config.json")
    return values | {name: written[name] for name in BESIDE if name in written}


def _mend_config(directory: pathlib.Path) -> bool:
    """Whether there is a config.json; one that was lost or damaged is written again.

    Raises:
      UserError: it was lost or damaged, and provenance.json does not have it either.
    """
    path = directory / "config.json"
    try:
        if path.exists() or sums.is_lost(path):
            files.read_json(path, MEND)
            return True
    except sums.DamagedError:
        known = provenance.config_of(directory)
        if known is None:
            raise
        if path.exists():
            sums.set_aside(path, f"it is written again from {provenance.FILE_NAME}")
        else:
            progress.say(f"{path} was lost and is written again from {provenance.FILE_NAME}")
        files.write_json(path, known, summed=True)
        return True
    return False


_RESULTS = ("predictions.csv", "parts", "checkpoints")
"""What a work directory may hold that must not be gone on with under just any config."""


def _unnamed(directory: pathlib.Path) -> str:
    return (
        f"{directory} holds results and no config.json that says which settings they are of: bring "
        "back a copy of it, or choose another --workdir"
    )


def is_derived(config: Mapping[str, Any]) -> bool:
    """Whether a config.json is of a directory that was made of other jobs' predictions."""
    return any(name in config for name in _DERIVED)


def averaged(config: Mapping[str, Any]) -> list[pathlib.Path]:
    """The work directories that a config.json says to be averaged; none of a job's own."""
    places = config.get("averaged", ())
    listed = places if isinstance(places, list | tuple) else ()
    return [pathlib.Path(str(place)).resolve() for place in listed]


def read(directory: pathlib.Path) -> Finished:
    """The results of a finished work directory.

    Raises:
      DivergedError: folds have diverged, and there is no predictions.csv.
      UserError: predictions.csv is missing, damaged or lacks rows, or there are final models
        alone.
    """
    if found := diverged(directory):
        raise found
    if not (directory / "predictions.csv").is_file() and _holds_models_alone(directory):
        raise UserError(no_scores(directory))
    table = complete.read(directory / complete.PREDICTIONS)
    return Finished(table, *provenance.read(directory))


def diverged(directory: pathlib.Path) -> DivergedError | None:
    """The folds without which a job is incomplete; None of a finished one."""
    done = (directory / "predictions.csv").is_file()
    return None if done else incomplete.read(directory)


def no_scores(directory: pathlib.Path) -> str:
    """Why there are no scores in a directory of the protocol `all`."""
    return (
        f"{directory} holds final models alone (protocol.name=all): nobody was held out, so there "
        "are no scores; for those train with --config.protocol.name=loso "
        "--config.protocol.final=True"
    )


def _holds_models_alone(directory: pathlib.Path) -> bool:
    path = directory / "config.json"
    values = files.read_json(path) if path.is_file() else {}
    protocol = values.get("protocol") if isinstance(values, Mapping) else None
    return isinstance(protocol, Mapping) and protocol.get("name") == ALL


def holds_derived(directory: pathlib.Path) -> bool:
    """Whether `ensemble` or `select` has written the directory; nothing trained is in it."""
    path = directory / "config.json"
    values = files.read_json(path) if path.is_file() else {}
    return isinstance(values, Mapping) and is_derived(values)


def check_replaceable(
    directory: pathlib.Path,
    config: Mapping[str, Any],
    table: Predictions,
    beside: Mapping[str, pd.DataFrame],
) -> None:
    """Refuses to write predictions where others are; writing the same ones again is fine.

    Args:
      directory: where all of this is to be written.
      config: content of config.json.
      table: the predictions.
      beside: file name -> further tables.

    Raises:
      UserError: something finished would be lost.
    """
    marks = ("config.json", "predictions.csv", "points", "jobs", *beside)
    if not any((directory / name).exists() for name in marks):
        return
    if not holds_derived(directory):
        raise UserError(f"{directory} holds results of its own; name another directory")
    old = files.read_json(directory / "config.json")
    if old == json.loads(json.dumps(config)) and _holds(directory, table, beside):
        return
    raise UserError(
        f"{directory} holds {old.get('name')}; name another directory, or replace it "
        "with --overwrite"
    )


def _holds(directory: pathlib.Path, table: Predictions, beside: Mapping[str, pd.DataFrame]) -> bool:
    """Whether these very tables are there."""
    path = directory / "predictions.csv"
    if not path.is_file() or not predictions.read(path).table.equals(table.table):
        return False
    return all(
        (directory / name).is_file()
        and (directory / name).read_text(encoding="utf-8") == files.csv_text(content)
        for name, content in beside.items()
    )


def forget_compiled() -> None:
    """Frees what a job has left in memory: the next one has no use for its programs."""
    import jax

    jax.clear_caches()
    gc.collect()
