"""The source `4dme`: 4DME (Li et al., IEEE T-AFFC 2022), the grey video, 60 fps.

Expects the sheet of labels and `micro_short_gray_video/S13_1st/001_01_1/Frame_000001826.jpg ...`.
`S13_1st` and `S13_2nd` are two recordings of one person: the subject is S13, and the recording
goes into the clip's code (`1st.001_01_1`), so that no fold trains on the person it tests.

Some clips are coded with two emotions (`Surprise+Negative`, `Positive+Repression`). One counts,
as in the public readers: surprise before positive and negative, these before repression; the text
stays in `raw_emotion`. An AU marked (k) is kept from before the onset: it does not move and is
left out.

Columns, folders, file names, emotions and recordings are as public readers have them
(tvaranka/meb: sub_ID, fold_name, Onset, Apex, Offset, AUs, Emotion; two others: SubID, fold_name,
Onset, Apex, Emotion, and the names of frames). That rows of macro-expressions, where a sheet has
them, are marked in a column `Type` could not be verified. The people are of several ethnic
groups, which the sheet does not name: give a table of ethnicities.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Sequence

from data_builders.sources import action_units, cells, coding_sheet
from data_builders.sources.coded_folder import CodedFolder
from data_builders.sources.coding_sheet import PERSON, CodedRow, Columns
from data_builders.sources.frame_tree import TreeShape
from ethnicmer_jax.base.schema import ActionUnit

_SUBJECT = re.compile(r"(?P<person>s\d+)(?:_(?P<recording>\w+))?", re.IGNORECASE)
_CLIP = re.compile(r"[\w-]*\d[\w-]*")
_STRAY = " '\",\t"  # quotes and commas that surround some codes
_KEPT = re.compile(r"\(\s*k\s*\)?", re.IGNORECASE)
_PRIORITY = ("surprise", "positive", "negative", "repression", "others")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _FourDme(CodedFolder):
    def sheets(self, home: pathlib.Path) -> tuple[pathlib.Path, ...]:
        """See `CodedFolder.sheets`."""
        usual = re.compile(r"label")
        return (coding_sheet.choose_sheet(home, self.columns, usual, self.title),)

    def rows(self, sheets: Sequence[pathlib.Path]) -> list[CodedRow]:
        """See `CodedFolder.rows`: without macro-expressions."""
        return [
            row
            for row in super().rows(sheets)
            if "macro" not in cells.text_of(row.cells.get("type")).lower()
        ]

    def codes(self, row: CodedRow) -> tuple[str, str]:
        """See `CodedDatabase.codes`."""
        person, recording = _person(row.cells["subject"])
        clip = cells.text_of(row.cells["filename"]).strip(_STRAY)
        if _CLIP.fullmatch(clip) is None:
            raise ValueError(f"fold_name {clip[:40]!r} is not a clip's folder such as 001_01_1")
        return person, f"{recording}.{clip}" if recording else clip

    def subject(self, cell: object) -> str:
        """See `CodedDatabase.subject`: S13, S13_1st and S13_2nd are one person."""
        return _person(cell)[0]

    def address(self, subject: str, clip: str, shape: TreeShape) -> tuple[str, str]:
        """See `CodedFolder.address`."""
        recording, _, name = clip.rpartition(".")
        return f"{subject}_{recording}" if recording else subject, name

    def emotion(self, text: str) -> str:
        """See `CodedDatabase.emotion`: of several the one that counts."""
        coded = [cells.emotion(part.strip()) for part in re.split(r"[+&/]", text)]
        if len(coded) == 1:
            return coded[0]
        if {"positive", "negative"} <= {*coded} and "surprise" not in coded:
            return "others"
        return min(coded, key=lambda emotion: _rank(emotion))

    def action_units(self, cell: object) -> tuple[ActionUnit, ...]:
        """See `CodedDatabase.action_units`: `AU4(k)+L7` is L7."""
        if not isinstance(cell, str):
            return action_units.parse(cell)
        parts = (part.strip() for part in re.split(r"[+,]", cell.strip(_STRAY)))
        moving = (part.upper().removeprefix("AU") for part in parts if not _KEPT.search(part))
        return action_units.parse("+".join(filter(None, moving)))


def _person(cell: object) -> tuple[str, str]:
    """The person's code and which recording of the person it is, if there are several."""
    match = _SUBJECT.fullmatch(str(cell).strip(_STRAY))
    if match is None:
        raise ValueError(f"Subject {str(cell)[:40]!r} is not a code such as S13 or S13_1st")
    return match["person"].upper(), (match["recording"] or "").lower()


def _rank(emotion: str) -> int:
    return _PRIORITY.index(emotion) if emotion in _PRIORITY else len(_PRIORITY)


DATABASE = _FourDme(
    name="4dme",
    title="4DME",
    licence="https://www.oulu.fi/en/university/faculties-and-units/"
    "faculty-information-technology-and-electrical-engineering/"
    "center-for-machine-vision-and-signal-analysis",
    layout=(
        "4DME_Labelling_Micro_release v1.xlsx",
        "micro_short_gray_video/S13/001_01_1/Frame_000001826.jpg ...",
    ),
    fps=60.0,
    subject_format="S{}",
    frames=TreeShape(
        levels="{subject}/{clip}",
        subject=re.compile(r"s\d+(?:_\w+)?"),
        clip=_CLIP,
        usual=(
            "micro_short_gray_video_cropped",
            "gray_micro_crop",
            "micro_short_gray_video",
            "gray_micro",
        ),
        example="micro_short_gray_video/S13/001_01_1/Frame_000001826.jpg",
    ),
    apex_fallback="found",
    columns=Columns(
        {
            "subject": ("sub_ID", "SubID"),
            "filename": ("fold_name",),
            "onset": ("Onset",),
            "apex": ("Apex",),
            "offset": ("Offset",),
            "estimatedemotion": ("Emotion",),
        },
        {"actionunits": ("AUs", "AU"), "type": ("Type", "Expression type"), **PERSON},
    ),
)
