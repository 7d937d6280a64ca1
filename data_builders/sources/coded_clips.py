"""From the rows of a coding sheet to clips: codes, emotion, AUs, frame numbers.

Needs the sheet only, no frames. An apex that cannot be used (missing, `/`, -1, or
not after the onset and up to the offset: 15 of CASME II's 157 clips with one of the three
classes, 1 of SAMM's 133) is replaced by the database's documented fall-back; the coded value is
kept and the clip reported.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any, Literal

from data_builders.sources import action_units, cells
from data_builders.sources.base import Problem
from data_builders.sources.coding_sheet import OFFICIAL, CodedRow, Columns
from data_builders.sources.database import Database
from data_builders.sources.frame_tree import TreeShape
from ethnicmer_jax.base.schema import ActionUnit, ClipLabels, clip_key


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodedDatabase(Database):
    """How a database with an official coding sheet names and codes its clips.

    Attributes:
      subject_format: subject number -> subject code and folder.
      frames: how its folders of frames are nested, and what its codes look like.
      apex_fallback: the frame that stands in for an unusable apex; "found": none does, and
        the apex is looked for in the frames.
      columns: what the columns of the sheet are called.
    """

    subject_format: str
    frames: TreeShape
    apex_fallback: Literal["middle", "offset", "found"]
    columns: Columns = OFFICIAL

    def codes(self, row: CodedRow) -> tuple[str, str]:
        """A row's subject and clip codes.

        Raises:
          ValueError: they are not those of this database.
        """
        clip = str(row.cells["filename"] or "").strip()
        if re.fullmatch(self.frames.clip.pattern, clip, re.IGNORECASE) is None:
            example = self.frames.example.split("/")[-2]
            raise ValueError(
                f"Filename {cells.quoted(clip)} is not a clip's code such as {example}"
            )
        return self.subject(row.cells["subject"]), clip

    def emotion(self, text: str) -> str:
        """A coded emotion, one of `schema.EMOTIONS`, from what stands in the sheet.

        Raises:
          ValueError: it is blank or unknown.
        """
        return cells.emotion(text)

    def action_units(self, cell: object) -> tuple[ActionUnit, ...]:
        """The coded AUs; see `action_units.parse`.

        Raises:
          ValueError: the cell is not in the coders' notation.
        """
        return action_units.parse(cell)

    def subject(self, cell: object) -> str:
        """A subject's code from a cell: 1, 1.0, "1" and "sub01" are one subject.

        Raises:
          ValueError: the cell is no subject of this database.
        """
        match = re.fullmatch(r"(?:sub)?([0-9]{1,9})(?:\.0)?", str(cell).strip(), re.IGNORECASE)
        if match is None:
            raise ValueError(
                f"Subject {cells.quoted(cell)} is not a number such as 1 or a code such as sub01"
            )
        return self.subject_format.format(int(match[1]))


@dataclasses.dataclass(frozen=True)
class Coding:
    """A whole sheet: its clips and those that cannot be used.

    Attributes:
      clips: clips with usable frame numbers, in the sheet's order.
      problems: what is wrong, by clip (by row where the clip's code is what is wrong).
      codes: (subject, clip) of every row that has them, whatever else is wrong.
    """

    clips: tuple[ClipLabels, ...]
    problems: tuple[Problem, ...]
    codes: frozenset[tuple[str, str]]


def read_coding(rows: Sequence[CodedRow], database: CodedDatabase) -> Coding:
    """Reads every row; a faulty one becomes a problem and hides no other."""
    clips: list[ClipLabels] = []
    problems: list[Problem] = []
    first_row: dict[tuple[str, str], str] = {}
    for row in rows:
        try:
            code = database.codes(row)
        except ValueError as error:
            problems.append(Problem(row.where, str(error)))
            continue
        where = clip_key(database.name, *code)
        if code in first_row:
            problems.append(
                Problem(
                    where, f"coded twice, in {first_row[code]} and {row.where}: the first counts"
                )
            )
            continue
        first_row[code] = row.where
        try:
            clip, fallbacks = _clip(row, code, database)
        except ValueError as error:
            problems.append(Problem(where, str(error)))
            continue
        clips.append(clip)
        problems += [Problem(where, what, fatal=False) for what in fallbacks]
    return Coding(tuple(clips), tuple(problems), frozenset(first_row))


def _clip(
    row: CodedRow, code: tuple[str, str], database: CodedDatabase
) -> tuple[ClipLabels, list[str]]:
    """The clip's labels, and what had to be done without.

    Raises:
      ValueError: the clip cannot be used.
    """
    raw_emotion = str(row.cells["estimatedemotion"] or "").strip()
    try:
        emotion = database.emotion(raw_emotion)
    except ValueError as error:
        raise ValueError(f"emotion {error}") from None
    fallbacks: list[str] = []
    extra = dict(row.extra)
    onset, apex, offset = _frames(row, database, extra, fallbacks)
    labels = ClipLabels(
        database.name,
        *code,
        emotion=emotion,
        raw_emotion=raw_emotion,
        action_units=_action_units(row, database, extra, fallbacks),
        onset=onset,
        apex=apex,
        offset=offset,
        fps=_fps(row, database, fallbacks),
        extra=extra,
        **_person(row, fallbacks),
    )
    return labels, fallbacks


def _frames(
    row: CodedRow, database: CodedDatabase, extra: dict[str, str], fallbacks: list[str]
) -> tuple[int, int, int]:
    """Onset, apex and offset; apex -1 where it is to be found in the frames."""
    names = ("onset", "apex", "offset")
    onset, apex, offset = (frame_number(row.cells.get(name)) for name in names)
    if onset is None or offset is None or onset >= offset:
        coded = f"onset {row.cells['onset']} and offset {row.cells['offset']}"
        raise ValueError(f"{coded} are not two frame numbers in order ({row.where})")
    if apex is not None and onset < apex <= offset:
        return onset, apex, offset
    if "apex" not in database.columns.required:
        return onset, -1, offset
    stand_in, used = _stand_in(database, onset, offset)
    coded = "missing" if row.cells["apex"] is None else str(row.cells["apex"])
    extra |= {"apex_coded": coded, "apex_fallback": database.apex_fallback}
    fallbacks.append(
        f"no motion, onset and apex are both frame {onset}: {used}"
        if apex == onset
        else f"apex {coded} is not a frame after onset {onset} and up to offset {offset}: {used}"
    )
    return onset, stand_in, offset


def _stand_in(database: CodedDatabase, onset: int, offset: int) -> tuple[int, str]:
    """The frame in place of an unusable apex, -1 where it is to be found, and a message."""
    if database.apex_fallback == "found":
        return -1, "it is looked for in the frames from onset to offset"
    frame = offset if database.apex_fallback == "offset" else (onset + offset + 1) // 2
    return frame, f"used the {database.apex_fallback} frame, {frame}"


def _action_units(
    row: CodedRow, database: CodedDatabase, extra: dict[str, str], fallbacks: list[str]
) -> tuple[ActionUnit, ...]:
    cell = row.cells.get("actionunits")
    try:
        return database.action_units(cell)
    except ValueError as error:
        extra["action_units_unread"] = str(cell)
        fallbacks.append(f"{error}; the clip is kept without AUs")
        return ()


def _person(row: CodedRow, fallbacks: list[str]) -> dict[str, Any]:
    try:
        return cells.person(row.cells)
    except ValueError as error:
        fallbacks.append(f"{error}; the clip is kept without demographics")
        return {}


def _fps(row: CodedRow, database: CodedDatabase, fallbacks: list[str]) -> float:
    try:
        return cells.fps(cells.text_of(row.cells["fps"])) if "fps" in row.cells else database.fps
    except ValueError as error:
        fallbacks.append(f"fps {error}; the clip is kept without")
        return math.nan


def frame_number(cell: object) -> int | None:
    """A frame number, or None for what is none: blank, `/`, -1, text, 12.5."""
    number = cells.whole(cells.text_of(cell))
    return number if number is not None and number >= 0 else None
