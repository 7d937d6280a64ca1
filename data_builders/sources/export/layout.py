"""What a layout has to say: how a database names its files, and what it codes."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from ethnicmer_jax.base import class_schemes
from ethnicmer_jax.base.schema import ETHNICITIES, ClipLabels

Row = Mapping[str, object]
"""Column -> cell of a coding sheet."""

_CONCISED = class_schemes.parse("3")
_RACE_CONCISED = {"White": "Non-Asian", "Black": "Non-Asian"}


@dataclasses.dataclass(frozen=True)
class Layout:
    """A database as it comes.

    Attributes:
      database: the name under which its source lists clips.
      grey: whether frames are single-channel.
      coded: the labels of a drawn clip -> what the database says of it: its codes there, its
        emotion in the database's words, and nothing that the database does not code; None for
        a clip that the database would not hold.
      frame: path of a frame in the folder, from the coded labels and a frame number.
      write_tables: writes what stands beside the frames, from the folder and the coded labels
        of all clips.
      fps: frames per second.
      every_frame: whether all frames are needed, since no apex is coded.
      side: height and width of the stored frames, pixels; 0: as they are drawn.
      first: number of the onset frame, where clips are numbered from their onset; None where
        the numbers are those of the film.
    """

    database: str
    grey: bool
    coded: Callable[[ClipLabels], ClipLabels | None]
    frame: Callable[[ClipLabels, int], str]
    write_tables: Callable[[pathlib.Path, Sequence[ClipLabels]], None]
    fps: float = 200.0
    every_frame: bool = False
    side: int = 0
    first: int | None = None


def no_table(folder: pathlib.Path, clips: Sequence[ClipLabels]) -> None:
    """For a database without a sheet."""


def one_sheet(
    name: str, row: Callable[[ClipLabels], Row]
) -> Callable[[pathlib.Path, Sequence[ClipLabels]], None]:
    """Writes a coding sheet of one row per clip below its header.

    Args:
      name: the workbook's file name, in a folder where it has one.
      row: a clip's row.
    """

    def write(folder: pathlib.Path, clips: Sequence[ClipLabels]) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame([row(labels) for labels in clips]).to_excel(folder / name, index=False)

    return write


def coarse(emotion: str) -> str:
    """What a database says that codes positive, negative, surprise and others only."""
    return _CONCISED.class_of(emotion, "") or "others"


def action_units(labels: ClipLabels) -> str | int:
    """`4+L10`; a single AU is a number, as spreadsheets make of it."""
    codes = "+".join(map(str, labels.action_units))
    return int(codes) if codes.isdecimal() else codes


def annotation(labels: ClipLabels) -> dict[str, object]:
    """The columns that the reference's annotation adds to the official sheets."""
    return {
        "Age": None,
        "Gender": None,
        "Race": ETHNICITIES.index(labels.ethnicity),
        "RaceConcised": _RACE_CONCISED.get(labels.ethnicity, "Asian"),
        "EstimatedEmotionConcised": (_CONCISED.of[labels.emotion] or "others").capitalize(),
    }
