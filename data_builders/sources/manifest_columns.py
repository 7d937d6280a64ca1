"""What the columns of a manifest are called, and by whom.

Compared without case, blanks and punctuation: `OnsetFrame`, `Onset Frame` and `onset_frame`
are the column `onset`. Our own name wins where a table has both.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection, Mapping

from data_builders.sources import manifest_motion
from data_builders.sources.text_table import TextTable
from ethnicmer_jax.base.schema import UserError

REQUIRED = ("database", "subject", "clip", "emotion")
OPTIONAL = ("ethnicity", "age_decade", "gender", "action_units", "fps")
KNOWN = (*REQUIRED, *manifest_motion.COLUMNS, *OPTIONAL)

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "database": ("dataset", "corpus"),
    "subject": ("participant", "person", "subject id", "subject code", "participant id"),
    "clip": ("filename", "file name", "clip id", "clip name", "sample", "sample id", "sequence"),
    "emotion": ("estimated emotion", "emotion label", "coded emotion", "expression"),
    "flow": ("flow file", "flow path", "optical flow"),
    "frames": ("frame folder", "frames folder", "image folder", "frames path", "video", "folder"),
    "onset": ("onset frame", "onset f", "onset index"),
    "apex": ("apex frame", "apex f", "apex index"),
    "offset": ("offset frame", "offset f", "offset index"),
    "onset_path": ("onset image", "onset file"),
    "apex_path": ("apex image", "apex file"),
    "ethnicity": ("ethnic group", "race"),
    "age_decade": ("decade of life",),
    "gender": ("sex",),
    "action_units": ("action unit", "aus", "au", "facs", "facs codes"),
    "fps": ("frame rate", "frames per second"),
}
"""Our names of columns, and what else they are called."""


def _folded(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


_OURS = {_folded(alias): name for name in KNOWN for alias in (name, *SYNONYMS.get(name, ()))}


@dataclasses.dataclass(frozen=True)
class Columns:
    """Where the columns of a manifest are.

    Attributes:
      known: our name -> position among the table's columns.
      extra: the other columns: name as it is written -> position.
      notes: which columns were read under another name.
    """

    known: Mapping[str, int]
    extra: Mapping[str, int]
    notes: tuple[str, ...]


def find(
    path: pathlib.Path,
    table: TextTable,
    theirs: Mapping[str, str] | None = None,
    given: Collection[str] = (),
    optional: Collection[str] = (),
) -> Columns:
    """The columns of a manifest.

    Args:
      path: the table's file, for messages.
      table: its columns.
      theirs: our name -> what this table calls the column, for columns that are named so.
      given: our names of columns that come from elsewhere, not from the table.
      optional: our names of columns that the table may have, and need not.

    Raises:
      UserError: a column that it must have is missing, or two could be the same one.
    """
    known = {ours: _named(path, table, ours, name) for ours, name in (theirs or {}).items()}
    known = {**_exact(path, table, {*known, *given}), **known}
    renamed: dict[str, int] = {}
    for position, name in enumerate(table.columns):
        ours = _OURS.get(_folded(name))
        if ours is None or ours in known or ours in given or position in known.values():
            continue
        if ours in renamed:
            both = (renamed[ours], position)
            shown = " and ".join(f"{table.numbers[i]} ({table.columns[i]})" for i in both)
            raise UserError(
                f"{path.name}: columns {shown} could both be {ours}: rename the right one {ours}"
            )
        renamed[ours] = position
    found = {**known, **renamed}
    _refuse_missing(path, table, {*found, *given, *optional})
    used = set(found.values())
    notes = []
    if renamed:
        shown = ", ".join(f"{name} from {table.columns[i]!r}" for name, i in renamed.items())
        notes.append(f"{path.name}: {shown}")
    extra = {name: i for i, name in enumerate(table.columns) if i not in used}
    return Columns(found, extra, tuple(notes))


def _named(path: pathlib.Path, table: TextTable, ours: str, theirs: str) -> int:
    """Position of the column that a mapping file names."""
    fitting = [i for i, name in enumerate(table.columns) if name == theirs] or [
        i for i, name in enumerate(table.columns) if _folded(name) == _folded(theirs)
    ]
    if len(fitting) != 1:
        raise UserError(
            f"{path.name} has no column {theirs!r} for {ours}; it has {table.numbered()}"
        )
    return fitting[0]


def _exact(path: pathlib.Path, table: TextTable, taken: Collection[str]) -> dict[str, int]:
    """Columns that have our names, in any case, but those that come from elsewhere."""
    found: dict[str, int] = {}
    for position, name in enumerate(table.columns):
        ours = name.lower()
        if ours not in KNOWN or ours in taken:
            continue
        if ours in found:
            numbers = f"{table.numbers[found[ours]]} and {table.numbers[position]}"
            raise UserError(
                f"{path.name} has the columns {numbers} both named {ours}: rename or delete one"
            )
        found[ours] = position
    return found


def _refuse_missing(path: pathlib.Path, table: TextTable, found: Collection[str]) -> None:
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise UserError(
            f"{path} lacks the columns {', '.join(missing)}; it has {table.numbered()}: rename"
            " them, or say in a mapping file (.toml) which they are"
        )
    if not set(manifest_motion.SOURCES) & set(found):
        raise UserError(
            f"{path} has no column of motion (flow, frames, or onset_path and apex_path); it has"
            f" {table.numbered()}"
        )
