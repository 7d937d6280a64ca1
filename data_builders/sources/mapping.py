"""A mapping file: what another laboratory's table calls the columns of a manifest.

A TOML file, of which `table` or `tree` is the only part that must be there:

    table = "Kodierung.xlsx"      # .csv or .xlsx; paths are relative to this file
    tree = "{emotion}/{subject}/{clip}"   # instead: the folders on the way to a clip
    [columns]                     # our column = theirs
    subject = "Versuchsperson"
    emotion = "Gefühl"
    [values]                      # the same in every row
    database = "jena"
    [cells.emotion]               # of any column: their cell = ours
    "Freude" = "happiness"
    [paths]                       # from the row's cells; 02 fills up with zeros
    frames = "Bilder/VP{subject:02}/{clip}"
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from data_builders.sources import manifest_columns, manifest_motion
from ethnicmer_jax.base import bounds
from ethnicmer_jax.base.schema import UserError

SUFFIX = ".toml"

_PLACE = re.compile(r"\{(?P<name>[^{}:]+)(?::0?(?P<width>[0-9]{1,2}))?\}")
_PATHS = tuple(name for name in manifest_motion.COLUMNS if name not in manifest_motion.FRAMES)


@dataclasses.dataclass(frozen=True)
class Mapped:
    """What a mapping file says.

    Attributes:
      path: the file.
      table: the laboratory's table; None where there is a tree.
      tree: what the folders on the way to a clip are (`clip_tree`), "" with a table.
      columns: our column -> theirs.
      values: our column -> the cell of every row.
      cells: our column -> their cell -> ours.
      paths: our column of motion -> a path with `{column}` in it, theirs or ours.
    """

    path: pathlib.Path
    table: pathlib.Path | None
    tree: str
    columns: Mapping[str, str]
    values: Mapping[str, str]
    cells: Mapping[str, Mapping[str, str]]
    paths: Mapping[str, str]

    @property
    def given(self) -> tuple[str, ...]:
        """Our columns that the table need not have."""
        return (*self.values, *self.paths)

    def row(self, ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
        """A row by our columns.

        Args:
          ours: cells by our column, as they are written.
          theirs: cells by the name of the table's column, for paths.

        Raises:
          ValueError: a path has a column that is not there or is blank.
        """
        row = {**ours, **self.values}
        for column, of in self.cells.items():
            row[column] = of.get(row.get(column, ""), row.get(column, ""))
        return row | {
            column: _filled(column, path, {**theirs, **row}) for column, path in self.paths.items()
        }


def read(path: pathlib.Path) -> Mapped:
    """Reads a mapping file.

    Raises:
      UserError: there is none, it is no TOML, or it says something that means nothing here.
    """
    try:
        content = bounds.content(path, bounds.SETTINGS_BYTES, "mapping file")
        given = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, of endless digits
        raise UserError(f"{path} is not a readable TOML file: {error}") from error
    known = [field.name for field in dataclasses.fields(Mapped)][1:]
    if unknown := [name for name in given if name not in known]:
        raise UserError(f"{path.name}: {unknown[0]} is unknown; known: {', '.join(known)}")
    table, tree = given.get("table", ""), given.get("tree", "")
    if not isinstance(table, str) or not isinstance(tree, str) or bool(table) == bool(tree):
        raise UserError(
            f'{path.name} names no table, or a tree too: begin it with table = "coding.csv" or'
            ' with tree = "{subject}/{clip}"'
        )
    cells = _section(path, given, "cells")
    return Mapped(
        path,
        path.parent / table if table else None,
        tree,
        _texts(path, "columns", _section(path, given, "columns")),
        _texts(path, "values", _section(path, given, "values")),
        {
            name: _texts(path, f"cells.{name}", _section(path, cells, name), known=None)
            for name in _of_ours(path, "cells", cells, manifest_columns.KNOWN)
        },
        _texts(path, "paths", _section(path, given, "paths"), _PATHS),
    )


def _section(path: pathlib.Path, given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = given.get(name, {})
    if not isinstance(section, dict):
        raise UserError(f"{path.name}: {name} is a section: write [{name}] on a line of its own")
    return section


def _of_ours(
    path: pathlib.Path, name: str, section: Mapping[str, Any], known: tuple[str, ...]
) -> Mapping[str, Any]:
    """The section, whose names are columns of ours."""
    if unknown := [column for column in section if column not in known]:
        raise UserError(
            f"{path.name}: [{name}] has {unknown[0]}, which is none of our columns:"
            f" {', '.join(known)}"
        )
    return section


def _texts(
    path: pathlib.Path,
    name: str,
    section: Mapping[str, Any],
    known: tuple[str, ...] | None = manifest_columns.KNOWN,
) -> dict[str, str]:
    """A section's values as text, its names among those known (None: any)."""
    if known is not None:
        _of_ours(path, name, section, known)
    for key, value in section.items():
        if not isinstance(value, str | int | float):
            raise UserError(f"{path.name}: {key} in [{name}] is neither a text nor a number")
    return {key: str(value) for key, value in section.items()}


def _filled(column: str, path: str, cells: Mapping[str, str]) -> str:
    def cell(match: re.Match[str]) -> str:
        text = cells.get(match["name"], "")
        if not text:
            there = ", ".join(cells)
            what = "is blank" if match["name"] in cells else f"is no column; there are {there}"
            raise ValueError(f"{column}: {{{match['name']}}} {what}")
        return text.zfill(int(match["width"] or 0))

    return _PLACE.sub(cell, path)
