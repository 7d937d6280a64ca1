"""Reads what a work directory holds for its report; nothing here computes a score."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import types
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ethnicmer_jax.base import files, sums
from ethnicmer_jax.base import predictions as predictions_file
from ethnicmer_jax.base.grouping import Grouping
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.recorded_config import grouping_of
from ethnicmer_jax.base.schema import UserError


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The files of a work directory, read and checked against each other.

    Attributes:
      name: of the work directory.
      config: config.json, {} where there is none.
      metrics: metrics.json, {} where there is none.
      final: final.json, {} where there are no final models.
      predictions: predictions.csv, without inner validation.
      scalars: scalars.jsonl; columns epoch, flight, run and one for each curve. Empty where
        nothing was recorded.
    """

    name: str
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    final: Mapping[str, Any]
    predictions: Predictions
    scalars: pd.DataFrame

    @property
    def title(self) -> str:
        """The configuration's name, or the work directory's where it has none."""
        return str(self.config.get("name") or self.name)

    @property
    def grouping(self) -> Grouping | None:
        """The configured ethnic grouping; None where each ethnicity is its own group."""
        return grouping_of(self.config)

    @property
    def members(self) -> dict[str, str] | None:
        """Ethnicity -> group; None where each ethnicity is its own group."""
        grouping = self.grouping
        return None if grouping is None else grouping.members

    @property
    def notes(self) -> list[str]:
        """What the protocol had to say: sizes of the arms, what could not be matched."""
        return list(self.metrics.get("notes", []))

    @property
    def environment(self) -> dict[str, str]:
        """What was recorded about the program and machine: versions, command, date."""
        recorded = self.config.get("environment") or self.metrics.get("environment") or {}
        return {name.removeprefix("versions."): text for name, text in flatten(recorded)}

    @property
    def simulated(self) -> bool:
        """Whether the clips are drawn, not recorded."""
        return self.config.get("data", {}).get("source") == "simulated"


def read(workdir: pathlib.Path) -> Inputs:
    """Reads a work directory.

    Raises:
      UserError: predictions.csv is missing or invalid, another file is not what its name
        says, or predictions.csv and metrics.json disagree about what was tested.
    """
    inputs = Inputs(
        name=workdir.resolve().name,
        config=_read_object(workdir / "config.json"),
        metrics=_metrics(workdir / "metrics.json"),
        final=_final(workdir / "final.json"),
        predictions=predictions_file.read(workdir / "predictions.csv").outer(),
        scalars=read_scalars(workdir / "scalars.jsonl"),
    )
    _check_counts(inputs, workdir)
    return inputs


_OF_FINAL: Mapping[str, type] = {
    **{"members": list, "kept_as": str, "expected": dict, "recipe": str, "classes": list},
    **{"clips": int, "subjects": int, "people": list},
}
_OF_PEOPLE: Mapping[str, type | types.UnionType] = {
    **{"database": str, "ethnicity": str, "subjects": int, "clips": int},
    **{"labelled_by": str | None, "agreement": int | float | None},
}


def _final(path: pathlib.Path) -> Mapping[str, Any]:
    """final.json; a file of an earlier version has no sum that would tell of changes."""
    values = _read_object(path)
    if not values:
        return values
    if not (
        _has(values, _OF_FINAL)
        and _has(values["expected"], {"note": str})
        and all(_has(row, {"seed": int}) for row in values["members"])
        and all(_has(row, _OF_PEOPLE) for row in values["people"])
    ):
        raise UserError(f"{path} does not say what the final models are; bring back a copy of it")
    return values


def _has(value: Any, kinds: Mapping[str, type | types.UnionType]) -> bool:
    """Whether a value of a JSON file is an object with values of these kinds under these keys."""
    return isinstance(value, dict) and all(
        name in value and isinstance(value[name], kind) for name, kind in kinds.items()
    )


def read_scalars(path: pathlib.Path) -> pd.DataFrame:
    """The training curves, one row per line; of two rows for one epoch the later one counts.

    Raises:
      UserError: a line is no JSON object with an epoch.
    """
    if not path.exists():
        return pd.DataFrame({"epoch": [], "flight": [], "run": []})
    rows = []
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            row = sums.values_of(line)
            rows.append({"flight": "", "run": None} | row | {"epoch": int(row["epoch"])})
        except (ValueError, TypeError, KeyError):
            raise UserError(
                f"{path}, line {number}: not a JSON object with an epoch, or not what was written; "
                "delete the line"
            ) from None
    # A resumed job writes the epochs after its last checkpoint again.
    return pd.DataFrame(rows).drop_duplicates(["epoch", "flight", "run"], keep="last")


def flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings as (dotted name, text) pairs, in order."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value if isinstance(value, str) else json.dumps(value)


def _read_object(path: pathlib.Path) -> dict[str, Any]:
    """A JSON object; {} where the file does not exist."""
    return files.read_json(path) if path.exists() else {}


def _metrics(path: pathlib.Path) -> dict[str, Any]:
    values = _read_object(path)
    for name, kind in (("runs", dict), ("summary", dict), ("notes", list), ("environment", dict)):
        if not isinstance(values.get(name, kind()), kind):
            reason, mend = (
                f"is damaged ({name} is no {kind.__name__})",
                "make it with --mode=report",
            )
            raise sums.DamagedError(path, reason, mend)
    return values


def _check_counts(inputs: Inputs, workdir: pathlib.Path) -> None:
    """Rows lost from predictions.csv since metrics.json was written must not go unseen."""
    found = inputs.predictions.table["run"].value_counts().to_dict()
    for run, metrics in inputs.metrics.get("runs", {}).items():
        counted = metrics.get("n_clips") if isinstance(metrics, Mapping) else None
        if found.get(run, 0) != counted:
            raise UserError(
                f"{workdir / 'predictions.csv'} holds {found.get(run, 0)} clips of run {run}, but "
                f"metrics.json counted {counted}; restore the file, or run again with "
                "--mode=evaluate"
            )
