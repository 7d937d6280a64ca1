"""The source `casme_squared`: CAS(ME)² (Qu et al., IEEE T-AFFC 2018), 30 fps, colour.

Expects `CAS(ME)^2code_final.xlsx`, whose first sheet has no header: participant, clip, onset,
apex, offset, AUs, emotion (positive, negative, surprise, others), type and self-reported emotion.
Its sheet `naming rule1` names the participants (1 is s15); where it is missing, they are named as
it does. Only rows of the type micro-expression are read; the macro-expressions are counted in a
note. An offset of 0 (the film ends before it) becomes the apex.

Frames lie in `cropped/15/anger1_1/img557.jpg ...`, whole ones in `selectedpic/s15/anger1_1`, and
whole films in `rawpic/s15/15_0401girlcrashing/img001.jpg ...`, all with the numbers of the film;
the first of these that holds a clip counts.

Sheets, folders and names of frames as in public readers of the licensed files (genbing99's
SOFTNet and MEAN, and several others that list participants and films). All people are Chinese,
which the sheet does not say.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from data_builders.sources import workbook
from data_builders.sources.cells import text_of
from data_builders.sources.coded_clips import Coding, frame_number
from data_builders.sources.coded_folder import CodedFolder
from data_builders.sources.coding_sheet import CodedRow
from data_builders.sources.frame_tree import FrameTree, TreeShape
from ethnicmer_jax.base.schema import UserError

_CLIP = re.compile(r"(?:anger|disgust|happy)\d+_\d+", re.IGNORECASE)
_COLUMNS = (
    *("subject", "filename", "onset", "apex", "offset"),
    *("actionunits", "estimatedemotion", "type"),
)
_PARTICIPANTS = (
    *("15", "16", "19", "20", "21", "22", "23", "24", "25", "26", "27"),
    *("29", "30", "31", "32", "33", "34", "35", "36", "37", "38", "40"),
)
"""Participants 1 to 22 by number of subject, as in the sheet `naming rule1`."""

_FILM_OF = {
    **{"disgust1": "0101", "disgust2": "0102", "anger1": "0401", "anger2": "0402"},
    **{"happy1": "0502", "happy2": "0503", "happy3": "0505", "happy4": "0507", "happy5": "0508"},
}
"""What clips of an eliciting film are called -> the film's number, as in `naming rule2`."""

_CROPPED = TreeShape(
    levels="{subject}/{clip}",
    subject=re.compile(r"\d{1,3}"),
    clip=_CLIP,
    usual=("cropped",),
    example="cropped/15/anger1_1/img557.jpg",
)
_WHOLE = dataclasses.replace(
    _CROPPED,
    levels="s{subject}/{clip}",
    usual=("selectedpic",),
    example="selectedpic/s15/anger1_1/img557.jpg",
)
_FILMS = dataclasses.replace(
    _CROPPED,
    levels="s{subject}/*_{clip}*",
    clip=re.compile(r"\d{4}"),
    usual=("rawpic",),
    example="rawpic/s15/15_0401girlcrashing/img001.jpg",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _CasmeSquared(CodedFolder):
    def rows(self, sheets: Sequence[pathlib.Path]) -> list[CodedRow]:
        """See `CodedFolder.rows`: those of micro-expressions."""
        return [row for row in _all_rows(sheets) if _is_micro(row)]

    def subject(self, cell: object) -> str:
        """See `CodedDatabase.subject`."""
        return super().subject(re.sub("^s(?=[0-9])", "", str(cell).strip().lower()))

    def address(self, subject: str, clip: str, shape: TreeShape) -> tuple[str, str]:
        """See `CodedFolder.address`."""
        film = _FILM_OF.get(clip.split("_")[0].lower(), "")
        return subject.removeprefix("s"), film if shape is _FILMS else clip

    def notes(
        self, sheets: Sequence[pathlib.Path], trees: Sequence[FrameTree], coding: Coding
    ) -> Iterator[str]:
        """See `CodedFolder.notes`."""
        others = [row for row in _all_rows(sheets) if not _is_micro(row)]
        known = coding.codes | frozenset(self._codes_of(others))
        yield from super().notes(sheets, trees, dataclasses.replace(coding, codes=known))
        if others:
            yield f"{self.title}: {len(others)} macro-expressions are not read"

    def _codes_of(self, rows: Iterable[CodedRow]) -> Iterator[tuple[str, str]]:
        for row in rows:
            try:
                yield self.codes(row)
            except ValueError:
                continue


def _is_micro(row: CodedRow) -> bool:
    return "macro" not in text_of(row.cells["type"]).lower()


def _all_rows(sheets: Sequence[pathlib.Path]) -> list[CodedRow]:
    """The rows of the sheet without a header, micro- and macro-expressions.

    Raises:
      UserError: it has none.
    """
    (path,) = sheets
    grids = [
        grid.astype(object).where(grid.notna(), None).to_numpy().tolist()
        for grid in workbook.worksheets(path, "coding sheet")
    ]
    named = _participants(grids)
    rows = [
        _row(f"{path.name} row {number}", values, named)
        for grid in grids
        for number, values in enumerate(grid, 1)
        if len(values) >= len(_COLUMNS) and _CLIP.fullmatch(text_of(values[1]))
    ]
    if not rows:
        raise UserError(
            f"{path.name} lists no clips: it has no header, and its second column has codes such "
            "as anger1_1, as in the official one"
        )
    return rows


def _participants(grids: Sequence[Sequence[Sequence[object]]]) -> Mapping[str, str]:
    """Number of a participant -> subject, from `naming rule1` where it is there."""
    named = {str(index): subject for index, subject in enumerate(_PARTICIPANTS, 1)}
    for grid in grids:
        for values in grid:
            texts = [text_of(value) for value in values[:3]]
            code = texts[1].lower() if len(texts) == 3 else ""
            if re.fullmatch(r"s\d{1,3}", code) and texts[2].isdecimal():
                named[texts[2]] = code
    return named


def _row(where: str, values: Sequence[object], named: Mapping[str, str]) -> CodedRow:
    cells: dict[str, object] = dict(zip(_COLUMNS, values, strict=False))
    participant = text_of(cells["subject"])
    cells["subject"] = named.get(participant, f"participant {participant}")
    extra = {}
    if len(values) > len(_COLUMNS) and (said := text_of(values[len(_COLUMNS)])):
        extra["self_reported_emotion"] = said
    if not frame_number(cells["offset"]) and frame_number(cells["apex"]):
        extra["offset_coded"] = text_of(cells["offset"]) or "missing"
        cells["offset"] = cells["apex"]
    return CodedRow(where, cells, extra)


DATABASE = _CasmeSquared(
    name="casme_squared",
    title="CAS(ME)²",
    licence="http://casme.psych.ac.cn/casme/e3",
    layout=("CAS(ME)^2code_final.xlsx", "cropped/15/anger1_1/img557.jpg ..."),
    fps=30.0,
    subject_format="s{}",
    frames=_CROPPED,
    other_frames=(_WHOLE, _FILMS),
    apex_fallback="found",
)
