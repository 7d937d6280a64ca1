"""Work directories, compared on the clips that they have in common."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from ethnicmer_jax.analysis import paired
from ethnicmer_jax.analysis.paired import Findings
from ethnicmer_jax.base import environment, files, lock, reportable, settings, writable
from ethnicmer_jax.base.grouping import Grouping
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.recorded_config import completed, grouping_of
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import work_directory
from ethnicmer_jax.protocols import complete
from ethnicmer_jax.report import comparison_page

RESULT = "comparison.json"

_NO_DIFFERENCE = ("name", "database", "averaged", "points", "environment")
_UNSEEN = (
    *("engine.", "checkpoint.", "protocol.final"),
    *("data.data_dir", "data.raw", "data.allow_outside"),
)
"""Settings that change no prediction."""


@dataclasses.dataclass(frozen=True)
class Source:
    """One side of a comparison.

    Attributes:
      name: in tables and figures.
      place: the work directory, or the file of predictions.
      table: the predictions.
      config: config.json, {} beside a file without one.
    """

    name: str
    place: pathlib.Path
    table: Predictions
    config: Mapping[str, Any]


def compare(
    places: Sequence[pathlib.Path], *, common: bool = False, all_pairs: bool = False
) -> tuple[Findings, pd.DataFrame]:
    """Compares finished work directories; the first is the baseline.

    Args:
      places: two or more work directories or predictions.csv files.
      common: compare the arms and clips that all of them test, where those differ.
      all_pairs: compare every pair, not only each with the first.

    Returns:
      What was found, and the settings that differ: one row each, the column setting and one
      column for each side.

    Raises:
      UserError: they cannot be compared.
    """
    sources = _read(places)
    _check_simulated(sources)
    chosen = [(source.name, grouping_of(source.config)) for source in sources]
    found = paired.compare(
        {source.name: source.table for source in sources},
        chosen[0][1].members if chosen[0][1] else None,
        common=common,
        all_pairs=all_pairs,
    )
    marked = reportable.marked(_fault(sources))
    notes = [
        *filter(None, [marked]),
        *found.notes,
        *_other_groupings(chosen),
        *_own_members(sources),
    ]
    return dataclasses.replace(found, notes=tuple(notes)), _differing_settings(sources)


def write(
    places: Sequence[pathlib.Path],
    output: pathlib.Path | None,
    *,
    common: bool = False,
    all_pairs: bool = False,
    overwrite: bool = False,
) -> tuple[Findings, pathlib.Path | None]:
    """Compares as `compare`, and writes the page, its figures and tables.

    Args:
      places: see `compare`.
      output: a new directory; None to write nothing.
      common: see `compare`.
      all_pairs: see `compare`.
      overwrite: whether a comparison that is there may be replaced.

    Returns:
      What was found, and the path of the page.

    Raises:
      UserError: they cannot be compared, `output` holds something else, or another process
        makes it.
    """
    if output is None:
        return compare(places, common=common, all_pairs=all_pairs)[0], None
    _check_output(output, overwrite)
    with lock.held_output(output):
        _check_output(output, overwrite)  # another process may have come first
        return _written(places, output, common, all_pairs)


def _written(
    places: Sequence[pathlib.Path], output: pathlib.Path, common: bool, all_pairs: bool
) -> tuple[Findings, pathlib.Path]:
    found, differing = compare(places, common=common, all_pairs=all_pairs)
    sources = _read(places)
    simulated = any(
        _section(source.config, "data").get("source") == "simulated" for source in sources
    )
    made_by = {"command": environment.command(), "code": environment.code()}
    content = json_of(found, differing) | {"environment": made_by}
    page = comparison_page.write(
        found,
        differing,
        output,
        simulated=simulated,
        command=made_by["command"],
        not_reportable=_fault(sources),
        more=lambda folder: files.write_json(folder / RESULT, content),
    )
    return found, page


def json_of(found: Findings, differing: pd.DataFrame) -> dict[str, Any]:
    """The content of comparison.json; undefined values are null."""
    return {
        "baseline": found.names[0],
        "names": list(found.names),
        "classes": list(found.classes),
        "conclusions": found.conclusions,
        "notes": list(found.notes),
        "differences": _records(found.differences),
        "scores": _records(found.scores),
        "settings": _records(differing),
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            str(key): None if isinstance(value, float) and math.isnan(value) else value
            for key, value in row.items()
        }
        for row in frame.to_dict("records")
    ]


def _read(places: Sequence[pathlib.Path]) -> list[Source]:
    resolved = [place.resolve() for place in places]
    for number, place in enumerate(places):
        if resolved[number] in resolved[:number]:
            raise UserError(f"{place} is given twice; a result does not differ from itself")
    return [_source(*one) for one in zip(_names(resolved), places, strict=True)]


def _fault(sources: Sequence[Source]) -> str:
    """Why a comparison must be marked, and whose scores; "" where all may be reported."""
    faults = {source.name: source.table.not_reportable for source in sources}
    names = [name for name, reason in faults.items() if reason]
    return reportable.of_some(names, next(filter(None, faults.values()), ""))


def _source(name: str, place: pathlib.Path) -> Source:
    if not place.exists():
        raise UserError(f"{place} does not exist; name work directories or predictions.csv files")
    if (place / "sweep.json").is_file():
        raise UserError(f"{place} is a sweep; name its points: {place / 'points'}/NAME")
    if place.is_dir():
        config = place / "config.json"
        table = work_directory.read(place).table
    else:
        config = place.parent / "config.json"
        table = complete.read(place)
    values = files.read_json(config) if config.is_file() else {}
    if table.not_reportable:
        # The name goes wherever a number goes.
        name = f"{name} ({reportable.MARK})"
    return Source(name, place, table, values if isinstance(values, Mapping) else {})


def _names(resolved: Sequence[pathlib.Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart."""
    # Of several predictions.csv, the folders tell which is which.
    folders = [
        path.parent if path.name == "predictions.csv" and path.is_file() else path
        for path in resolved
    ]
    for length in range(1, max(len(path.parts) for path in folders)):
        names = ["/".join(path.parts[-length:]) for path in folders]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in resolved]


def _section(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of a recorded config; empty where there is none."""
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _check_simulated(sources: Sequence[Source]) -> None:
    """Clips that were drawn with other options share nothing but their names."""
    drawn = [s for s in sources if _section(s.config, "data").get("source") == "simulated"]
    for other in drawn[1:]:
        first, own = (
            dict(settings.flattened(_section(_section(s.config, "data"), "simulated")))
            for s in (drawn[0], other)
        )
        differing = sorted(key for key in first.keys() & own.keys() if first[key] != own[key])
        if differing:
            raise UserError(
                f"{drawn[0].name} and {other.name} are about other simulated clips of the same "
                f"names: data.simulated.{differing[0]} is {first[differing[0]]} and "
                f"{own[differing[0]]}"
            )


def _other_groupings(chosen: Sequence[tuple[str, Grouping | None]]) -> list[str]:
    (first, of_first), *others = chosen
    return [
        f"{name} uses the grouping {own.name}; groups are those of {first}"
        f" ({of_first.name if of_first else 'each ethnicity is its own'})."
        for name, own in others
        if own is not None and (of_first is None or own.groups != of_first.groups)
    ]


def _own_members(sources: Sequence[Source]) -> list[str]:
    """A note for each pair of which one averages models of the other."""
    members = {
        source.name: {source.place.resolve(), *work_directory.averaged(source.config)}
        for source in sources
    }
    pairs = [(a, b) for i, a in enumerate(sources) for b in sources[i + 1 :]]
    return [
        f"{a.name} and {b.name} share models: one averages some that the other holds, so a "
        "difference between them says what averaging changes."
        for a, b in pairs
        if members[a.name] & members[b.name]
    ]


def _differing_settings(sources: Sequence[Source]) -> pd.DataFrame:
    """One row per setting that is not the same everywhere; sides without a config are left out."""
    known = {s.name: dict(_settings(s.config)) for s in sources if s.config}
    names = list(dict.fromkeys(name for own in known.values() for name in own))
    rows = [
        {"setting": name} | {side: _text(own.get(name)) for side, own in known.items()}
        for name in names
        if len({_text(own.get(name)) for own in known.values()}) > 1
    ]
    return pd.DataFrame(rows, columns=["setting", *known])


def _settings(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    values = {key: value for key, value in config.items() if key not in _NO_DIFFERENCE}
    if "protocol" in values and not work_directory.is_derived(config):
        values = completed(values)
    for name, value in settings.flattened(values):
        if name != "name" and not name.startswith(_UNSEEN):
            yield name, value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _check_output(output: pathlib.Path, overwrite: bool) -> None:
    if output.is_dir() and any(output.iterdir()):
        if not (output / RESULT).is_file():
            raise UserError(
                f"{output} holds something else than a comparison; name a new directory"
            )
        if not overwrite:
            raise UserError(
                f"{output} holds a comparison; name another --output, or add --overwrite to "
                "replace it"
            )
    writable.check(output)
