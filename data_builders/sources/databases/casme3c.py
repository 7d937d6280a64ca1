"""The source `casme3c`: CAS(ME)³, part C (Li et al., IEEE T-PAMI 2023), 30 fps, colour.

A source beside `casme3`, not an option of it: other people (31 suspects of a mock crime), a
sheet and folders with names of their own, and no coded apex, so that it is looked for in the
frames. Expects `CAS(ME)3_part_C_ME.xlsx` (sub, count, onset, offset, au, emotion) and one film
per subject, `part_C/01/a/color/373.jpg ...`, or clips cut from it, `ME_C/01/1/color/...`.

Columns and folders as two public readers have them (tvaranka/meb; a script that cuts clips);
which words the column emotion uses could not be verified: those known to `schema` are read.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re

from data_builders.sources import coding_sheet
from data_builders.sources.cells import text_of
from data_builders.sources.coded_folder import CodedFolder
from data_builders.sources.coding_sheet import PERSON, CodedRow, Columns
from data_builders.sources.frame_tree import TreeShape

_FILMS = TreeShape(
    levels="{subject}/{clip}/color",
    subject=re.compile(r"\d{1,3}"),
    clip=re.compile("a"),
    usual=("part_C",),
    example="part_C/01/a/color/373.jpg",
)
_CLIPS = dataclasses.replace(
    _FILMS, clip=re.compile(r"\d{1,3}"), usual=("ME_C",), example="ME_C/01/1/color/373.jpg"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Casme3C(CodedFolder):
    def sheets(self, home: pathlib.Path) -> tuple[pathlib.Path, ...]:
        """See `CodedFolder.sheets`."""
        usual = re.compile(r"part_?c_me")
        return (coding_sheet.choose_sheet(home, self.columns, usual, self.title),)

    def codes(self, row: CodedRow) -> tuple[str, str]:
        """See `CodedDatabase.codes`."""
        count = text_of(row.cells["filename"])
        if re.fullmatch(r"\d{1,3}", count) is None:
            raise ValueError(f"count {count[:40]!r} is not the number of a subject's clip")
        return self.subject(row.cells["subject"]), str(int(count))

    def address(self, subject: str, clip: str, shape: TreeShape) -> tuple[str, str]:
        """See `CodedFolder.address`."""
        return subject, "a" if shape is _FILMS else clip


DATABASE = _Casme3C(
    name="casme3c",
    title="CAS(ME)³ part C",
    licence="http://casme.psych.ac.cn/casme/e4",
    layout=("CAS(ME)3_part_C_ME.xlsx", "part_C/01/a/color/373.jpg ..."),
    fps=30.0,
    subject_format="{:02d}",
    frames=_CLIPS,
    other_frames=(_FILMS,),
    apex_fallback="found",
    columns=Columns(
        {
            "subject": ("sub", "Subject"),
            "filename": ("count",),
            "onset": ("onset",),
            "offset": ("offset",),
            "estimatedemotion": ("emotion",),
        },
        {"actionunits": ("au", "AUs"), **PERSON},
    ),
)
