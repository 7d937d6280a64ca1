"""The source `mmew`: MMEW (Ben et al., IEEE T-PAMI 2022), its micro-expressions; 90 fps, colour.

Expects `MMEW_Micro_Exp.xlsx` with CASME II's columns and
`Micro_Expression/anger/S05-10-001/1.jpg ...`: folders by emotion, then by clip, with frames
numbered from the clip's first; a level of subjects above the emotions is allowed for. The
macro-expressions beside them (`Macro_Expression/S01/anger/S01-07-001.jpg`) are not read. An apex
that cannot be used is looked for in the frames; the apex or offset of some 16 rows does not fit
the frames (tvaranka/meb): those clips are reported.

Columns, folders and names of frames as in the public readers tvaranka/meb and several others of
the licensed files. All people are Chinese, which the sheet does not say.
"""

from __future__ import annotations

import dataclasses
import re

from data_builders.sources.coded_folder import CodedFolder
from data_builders.sources.frame_tree import TreeShape

_BY_EMOTION = TreeShape(
    levels="{emotion}/{clip}",
    subject=re.compile(r"S\d+"),
    clip=re.compile(r"S\d+-\d+-\d+"),
    usual=("Micro_Expression",),
    example="Micro_Expression/anger/S05-10-001/1.jpg",
)
_BY_SUBJECT = dataclasses.replace(_BY_EMOTION, levels="{subject}/{emotion}/{clip}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Mmew(CodedFolder):
    def subject(self, cell: object) -> str:
        """See `CodedDatabase.subject`: 5, `5` and `S05` are one subject."""
        return super().subject(re.sub("^[sS]", "", str(cell).strip()))


DATABASE = _Mmew(
    name="mmew",
    title="MMEW",
    licence="http://www.dpailab.com/database.html",
    layout=("MMEW_Micro_Exp.xlsx", "Micro_Expression/anger/S05-10-001/1.jpg ..."),
    fps=90.0,
    subject_format="S{:02d}",
    frames=_BY_EMOTION,
    other_frames=(_BY_SUBJECT,),
    apex_fallback="found",
)
