"""Finds sources by their names, and merges several into one listing."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping

from data_builders.simulation.options import SimulatedOptions
from data_builders.sources import demographics, listing_checks, manifest, simulated
from data_builders.sources.base import ClipTask, Listing, Problem
from data_builders.sources.database import Database
from data_builders.sources.databases import (
    casme,
    casme2,
    casme3,
    casme3c,
    casme_squared,
    dfme,
    four_dme,
    mmew,
    samm,
    smic,
    smic_nir,
    smic_vis,
)
from ethnicmer_jax.base.schema import UserError

SIMULATED, MANIFEST = "simulated", "manifest"

_MODULES = (
    *(smic, smic_vis, smic_nir, casme, casme2, samm, casme_squared),
    *(casme3, casme3c, four_dme, mmew, dfme),
)

DATABASES: Mapping[str, Database] = {module.DATABASE.name: module.DATABASE for module in _MODULES}
"""Databases with a reader of their own, by name."""

SOURCES = (SIMULATED, MANIFEST, *DATABASES)
"""What `--source` may name, alone or joined by +."""

KINDS = f"{', '.join(SOURCES)}, or several joined by +"

OUTSIDE_HELP = "Paths in a manifest may lead out of its folder: absolute ones, .. and links."

RAW_HELP = (
    "Folder of the raw database, or the manifest's CSV file; of a merge, one folder that holds "
    "all of them, or NAME=PATH,NAME=PATH."
)


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked for: where clips come from, and what is known of their people.

    Attributes:
      source: names of SOURCES joined by +.
      raw: see `places`; not used by `simulated`.
      simulated: what `simulated` shows; None for the defaults.
      ethnicity: table of ethnicities; None for the one beside the raw data, if any.
      allow_outside: whether paths in a manifest may lead out of its folder.
    """

    source: str
    raw: str = ""
    simulated: SimulatedOptions | None = None
    ethnicity: pathlib.Path | None = None
    allow_outside: bool = False


def names(source: str) -> tuple[str, ...]:
    """The sources of a merge in the order of SOURCES, whatever the order they are given in.

    Raises:
      UserError: a name is unknown or given twice, or two databases show the same people.
    """
    given = source.split("+")
    for name in given:
        if name not in SOURCES:
            raise UserError(f"unknown source {name!r}: use {KINDS}")
        if given.count(name) > 1:
            raise UserError(f"source {source}: {name} is given twice")
    _refuse_same_people(name for name in given if name in DATABASES)
    return tuple(name for name in SOURCES if name in given)


def _refuse_same_people(given: Iterable[str]) -> None:
    first: dict[str, str] = {}
    for name in given:
        known = first.setdefault(DATABASES[name].people or name, name)
        if known != name:
            raise UserError(
                f"{known} and {name} show the same people, whom folds would train on and test: "
                "use one of them"
            )


def places(source: str, raw: str) -> dict[str, pathlib.Path]:
    """Where the raw data of each source lie.

    Args:
      source: see `names`; `simulated` has no raw data.
      raw: the file of a manifest or the folder of a database; for a merge, one folder that
        holds them all (the manifest as manifest.csv), or `NAME=PATH,NAME=PATH`.

    Raises:
      UserError: a source lacks its place, or a place is given for none.
    """
    wanted = [name for name in names(source) if name != SIMULATED]
    named = _named(raw)
    if named:
        lacking = [name for name in wanted if name not in named]
        extra = [name for name in named if name not in wanted]
        if lacking or extra:
            what = f"no place for {lacking[0]}" if lacking else f"{extra[0]} is not in {source}"
            raise UserError(f"raw {raw}: {what}; give NAME=PATH for each source of {source}")
        return named
    if wanted and not raw:
        raise UserError(f"the source {source} needs --raw (data.raw), where its raw data are")
    root = pathlib.Path(raw)
    return {
        name: root / "manifest.csv" if name == MANIFEST and len(wanted) > 1 else root
        for name in wanted
    }


def list_clips(request: Request) -> Listing:
    """The clips of a source or of several, those of a database behind one another.

    Raises:
      UserError: a source is unknown, or its folder or file cannot be used.
    """
    parts = []
    for _, part in list_each(request):
        if isinstance(part, UserError):
            raise part
        parts.append(part)
    return merged(parts)


def list_each(request: Request) -> Iterator[tuple[str, Listing | UserError]]:
    """Each source by its name: its clips, or why its folder or file cannot be used.

    Raises:
      UserError: a source is unknown, or it is not said where its raw data are.
    """
    where = places(request.source, request.raw)
    for name in names(request.source):
        try:
            yield name, _list_one(name, where.get(name), request)
        except UserError as error:
            yield name, error


def merged(listings: Iterable[Listing]) -> Listing:
    """Several listings as one, checked as a whole (`listing_checks`).

    A clip that two of them have counts once, and is a problem.
    """
    parts = list(listings)
    tasks: dict[str, ClipTask] = {}
    problems = [problem for part in parts for problem in part.problems]
    for part in parts:
        taken = set(tasks)
        for task in part.tasks:
            if task.key in taken:
                problems.append(Problem(task.key, "is in two of the sources: the first counts"))
            else:
                tasks[task.key] = task
    notes = tuple(note for part in parts for note in part.notes)
    tables = tuple(table for part in parts for table in part.tables)
    listing = Listing(tuple(tasks.values()), tuple(problems), notes, tables)
    return listing_checks.checked(listing)


def _list_one(name: str, place: pathlib.Path | None, request: Request) -> Listing:
    if place is None:
        drawn = simulated.list_clips(request.simulated or SimulatedOptions())
        return demographics.labelled(drawn, request.ethnicity)
    if name != MANIFEST:
        return DATABASES[name].list_clips(place, request.ethnicity)
    listing = manifest.list_clips(place, request.ethnicity, allow_outside=request.allow_outside)
    # The user wrote every row: a faulty one is a failure, never left out.
    problems = tuple(dataclasses.replace(p, refused=p.fatal) for p in listing.problems)
    return dataclasses.replace(listing, problems=problems)


def _named(raw: str) -> dict[str, pathlib.Path]:
    """`casme2=PATH,samm=PATH` by name; empty where the text is a path."""
    start = rf"(?:{'|'.join(map(re.escape, SOURCES))})="
    if re.match(start, raw) is None:
        return {}
    entries = (entry.split("=", 1) for entry in re.split(rf",\s*(?={start})", raw))
    return {name: pathlib.Path(path) for name, path in entries}
