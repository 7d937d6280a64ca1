"""The source `casme3`: CAS(ME)³, part A (Li et al., IEEE T-PAMI 2023), 30 fps, colour.

Expects the official sheet of micro-expressions and either whole films,
`part_A/spNO.1/a/color/355.jpg ...` (`depth` beside `color` is passed over), or the release cut
to clips, `Part_A_ME_clip/frame/spNO.1_a_355/355.jpg ...`. A film (`Filename`, a to m) holds
several micro-expressions, so a clip's code is film and onset, `a_355`, as in the names of that
release. Where the coded apex is the onset (55 of 860 rows) or lies outside the clip, the clip is
reported and its apex is looked for in the frames.

Layout as public readers of the licensed files have it: the authors' notes and lists of damaged
frames (jingtingEmmaLi/CAS-ME-3), tvaranka/meb, and loaders of the release cut to clips. Folders
are spelled `spNO.` or `spNo.`, sheets write some films in capitals, and a few coded frames do
not exist (frame 0 of spNO.216_e_0). The sheet has no demographics.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re

from data_builders.sources import coded_clips, coding_sheet
from data_builders.sources.coded_folder import CodedFolder
from data_builders.sources.coding_sheet import CodedRow, Columns
from data_builders.sources.frame_tree import TreeShape

_SUBJECT = re.compile(r"(?:sp\s*no\W*)?(\d{1,4})(?:\.0)?", re.IGNORECASE)
_FILM = re.compile(r"[a-z]\w{0,2}")

_FILMS = TreeShape(
    levels="{subject}/{clip}/color",
    subject=re.compile(r"spno\.\d+"),
    clip=_FILM,
    usual=("part_A",),
    example="part_A/spNO.1/a/color/355.jpg",
)
_CLIPS = TreeShape(
    levels="{clip}",
    subject=_FILMS.subject,
    clip=re.compile(r"spno\.\d+_[a-z]\w{0,2}_\d+"),
    usual=("frame",),
    example="Part_A_ME_clip/frame/spNO.1_a_355/355.jpg",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Casme3(CodedFolder):
    def sheets(self, home: pathlib.Path) -> tuple[pathlib.Path, ...]:
        """See `CodedFolder.sheets`: not that of macro-expressions, nor lists of mistakes."""
        usual = re.compile(r"part_?a_me_label")
        return (coding_sheet.choose_sheet(home, self.columns, usual, self.title),)

    def codes(self, row: CodedRow) -> tuple[str, str]:
        """See `CodedDatabase.codes`."""
        film = str(row.cells["filename"] or "").strip().lower()
        if _FILM.fullmatch(film) is None:
            raise ValueError(f"Filename {film[:40]!r} is not a film's letter such as a")
        onset = coded_clips.frame_number(row.cells["onset"])
        if onset is None:
            raise ValueError(f"Onset {str(row.cells['onset'])[:40]!r} is not a frame number")
        return self.subject(row.cells["subject"]), f"{film}_{onset}"

    def subject(self, cell: object) -> str:
        """See `CodedDatabase.subject`: `spNO.1`, `spNo.1` and 1 are one subject."""
        match = _SUBJECT.fullmatch(str(cell).strip())
        if match is None:
            raise ValueError(f"Subject {str(cell)[:40]!r} is not a code such as spNO.1")
        return f"spNO.{int(match[1])}"

    def address(self, subject: str, clip: str, shape: TreeShape) -> tuple[str, str]:
        """See `CodedFolder.address`."""
        film, _, _ = clip.rpartition("_")
        return (subject, film) if shape is _FILMS else ("", f"{subject}_{clip}")


DATABASE = _Casme3(
    name="casme3",
    title="CAS(ME)³ part A",
    licence="http://casme.psych.ac.cn/casme/e4",
    layout=(
        "annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx",
        "part_A/spNO.1/a/color/355.jpg ...",
        "or Part_A_ME_clip/frame/spNO.1_a_355/355.jpg ...",
    ),
    fps=30.0,
    subject_format="spNO.{}",
    frames=_CLIPS,
    other_frames=(_FILMS,),
    apex_fallback="found",
    columns=Columns(
        {
            "subject": ("Subject",),
            "filename": ("Filename",),
            "onset": ("Onset",),
            "apex": ("Apex",),
            "offset": ("Offset",),
            "actionunits": ("AU",),
            "estimatedemotion": ("emotion",),
        }
    ),
)
