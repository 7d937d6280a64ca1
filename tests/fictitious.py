"""Small folders with made-up clips in exactly the layouts of CASME II and SAMM."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import openpyxl
from PIL import Image

CASME2_COLUMNS = (
    *("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame"),
    *("Action Units", "Estimated Emotion"),
)
SAMM_COLUMNS = (
    *("Subject", "Filename", "Code", "Onset", "Apex Frame", "Offset", "Duration", "Micro"),
    *("Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
)
SAMM_TITLE_BLOCK = [["SAMM: Micro-Movement FACS Codes"], [None], ["Inducement codes", 1, 2, 3], []]


@dataclasses.dataclass(frozen=True)
class Clip:
    """One row of a sheet, and whether its frames exist."""

    subject: object
    filename: object
    onset: object
    apex: object
    offset: object
    units: object = 4
    emotion: object = "disgust"


CASME2 = (
    Clip(1, "EP02_01f", 46, 59, 86, 12, "happiness"),
    Clip(1, "EP19_05f", 5, 8, 11, "4+L10", "disgust"),
    Clip(2, "EP01_11f", 96, 100, 104, "1+2", "surprise"),
    Clip(26, "EP18_51", 21, 24, 27, "?", "others"),
)
SAMM = (
    Clip("006", "006_1_2", 5562, 5566, 5570, "4+7", "Anger"),
    Clip("006", "006_1_6", 18, 20, 22, "R14A or 17A or 24A", "Contempt"),
    Clip("037", "037_3_2", 3196, 3199, 3202, "A1B+A2C", "Surprise"),
    Clip("037", "037_4_1", 1488, 1490, 1492, "24", "Other"),
)


def frame(number: int, channels: int = 3) -> np.ndarray:
    """A small image that differs from frame to frame."""
    rng = np.random.default_rng(number)
    size = (12, 10, 3) if channels == 3 else (12, 10)
    return rng.integers(0, 256, size, dtype=np.uint8)


def write_casme2(raw: pathlib.Path, clips=CASME2, sheet: str = "CASME2-coding-20190701.xlsx"):
    """The coding sheet, and `Cropped/sub01/EP02_01f/reg_img46.jpg ...`; gives `raw`."""
    rows = [dataclasses.astuple(clip) for clip in clips]
    write_sheet(raw / sheet, CASME2_COLUMNS, rows)
    for clip in clips:
        folder = raw / "Cropped" / f"sub{clip.subject:02d}" / clip.filename
        _write_frames(folder, clip, "reg_img{}.jpg", channels=3)
    return raw


def write_samm(raw: pathlib.Path, clips=SAMM, sheet: str = "SAMM_Micro_FACS_Codes_v2.xlsx"):
    """The coding sheet, and `SAMM_CROP/006/006_1_2/006_05562.jpg ...`; gives `raw`."""
    write_samm_sheet(raw / sheet, clips)
    for clip in clips:
        folder = raw / "SAMM_CROP" / clip.subject / clip.filename
        _write_frames(folder, clip, f"{clip.subject}_{{:05d}}.jpg", channels=1)
    return raw


def write_samm_sheet(path: pathlib.Path, clips, columns=SAMM_COLUMNS) -> pathlib.Path:
    """A sheet with SAMM's title block above its header; gives its path."""
    rows = [
        (*(c.subject, c.filename, 1, c.onset, c.apex, c.offset, 9, "Micro"), c.units, c.emotion, 3)
        for c in clips
    ]
    return write_sheet(path, columns, rows, above=SAMM_TITLE_BLOCK)


def write_sheet(path: pathlib.Path, columns, rows, above=()):
    """A workbook with optional rows above its header; gives its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    workbook = openpyxl.Workbook()
    for row in (*above, columns, *rows):
        workbook.active.append(list(row))
    workbook.save(path)
    return path


def _write_frames(folder: pathlib.Path, clip: Clip, name: str, channels: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(clip.onset, clip.offset + 1):
        Image.fromarray(frame(number, channels)).save(folder / name.format(number))
