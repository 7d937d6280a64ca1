"""What jobs, studies and whatever is made of them do with a work directory alike."""

from __future__ import annotations

import gc
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ml_collections

from ethnicmer_jax.base import files, predictions
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols import fold_file

_DERIVED = ("averaged", "points")
"""Settings in the config.json of a directory that `ensemble` or `select` has written."""


class Finished(NamedTuple):
    """What a report is made from.

    Attributes:
      table: predictions of every fold that was planned.
      notes: of metrics.json; none where there is no such file.
      environment: the same.
    """

    table: Predictions
    notes: Sequence[str]
    environment: Mapping[str, Any]


def claim(config: ml_collections.ConfigDict, directory: pathlib.Path, database: str | None) -> None:
    """Writes config.json, or compares it with what the directory was used for.

    Args:
      config: the resolved config.
      directory: made if it does not exist.
      database: name of the built database.

    Raises:
      UserError: the directory was used with another config or database.
    """
    files.claim(directory, {**config.to_dict(), "database": database})


def check_claim(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    """Refuses a directory that was used with another config; the database may be gone.

    Raises:
      UserError: the message has the differences.
    """
    path = directory / "config.json"
    if path.is_file():
        claim(config, directory, files.read_json(path).get("database"))


def recorded(directory: pathlib.Path) -> ml_collections.ConfigDict:
    """The config that a work directory was used with.

    Raises:
      UserError: the directory has no config.json, or a damaged one.
    """
    path = directory / "config.json"
    if not path.is_file():
        raise UserError(f"{path} does not exist; name the config with --config")
    values = files.read_json(path)
    if not isinstance(values, dict) or "protocol" not in values:
        raise UserError(f"{path} is no config; name the config with --config")
    # It says which database was used; the config says how to build it.
    values.pop("database", None)
    return ml_collections.ConfigDict(values).lock()


def is_derived(config: Mapping[str, Any]) -> bool:
    """Whether a config.json is of a directory that was made of other jobs' predictions."""
    return any(name in config for name in _DERIVED)


def read(directory: pathlib.Path) -> Finished:
    """The results of a finished work directory.

    Raises:
      UserError: predictions.csv is missing, damaged or lacks rows.
    """
    table = predictions.read(directory / "predictions.csv")
    if (directory / "folds.npz").is_file():
        predictions.check_complete(table, fold_file.expected_rows(directory / "folds.npz"))
    path = directory / "metrics.json"
    known = files.read_json(path) if path.is_file() else {}
    return Finished(table, known.get("notes", ()), known.get("environment", {}))


def check_replaceable(
    directory: pathlib.Path, config: Mapping[str, Any], table: Predictions, *, overwrite: bool
) -> None:
    """Refuses to write predictions where others are; writing the same ones again is fine.

    Args:
      directory: where `config` and `table` are to be written.
      config: content of config.json.
      table: the predictions.
      overwrite: whether the user has asked to replace what `ensemble` or `select` wrote.

    Raises:
      UserError: something finished would be lost.
    """
    if directory.exists() and not directory.is_dir():
        raise UserError(f"--output={directory} is a file; name a directory")
    there = [name for name in ("config.json", "predictions.csv") if (directory / name).exists()]
    if not there and not any((directory / name).exists() for name in ("points", "jobs")):
        return
    old = files.read_json(directory / "config.json") if "config.json" in there else {}
    if not is_derived(old):
        raise UserError(f"{directory} holds results of its own; name another directory")
    same = old == json.loads(json.dumps(config)) and len(there) == 2
    if same and predictions.read(directory / "predictions.csv").table.equals(table.table):
        return
    if not overwrite:
        raise UserError(
            f"{directory} holds {old.get('name')}; name another directory, or replace it "
            "with --overwrite"
        )


def forget_compiled() -> None:
    """Frees what a job has left in memory: the next one has no use for its programs."""
    import jax

    jax.clear_caches()
    gc.collect()
