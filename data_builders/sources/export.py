"""Writes drawn clips as folders of frames and coding sheets, as licensed databases come.

Colour cohorts become CASME II, grey ones SAMM, in the layouts that `sources/casme2.py`
and `sources/samm.py` read: the licensed path can be walked without a licence.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence

import cv2
import pandas as pd

from data_builders.simulation.options import SimulatedOptions
from data_builders.sources import simulated
from data_builders.sources.base import ClipTask
from ethnicmer_jax.base import files
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.base.schema import ETHNICITIES, ClipLabels, UserError

_JPEG_QUALITY = 95
_SUBJECT_DIGITS = 3
_RACE_CONCISED = {"White": "Non-Asian", "Black": "Non-Asian"}


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a database names its files and sheet columns.

    Attributes:
      database: the name under which its source lists clips.
      grey: whether frames are single-channel.
      frames: name of the folder of frames.
      sheet: file name of the coding sheet.
      subject: subject code of a drawn clip, as the folder is named.
      clip: clip code of a drawn clip, as the folder is named.
      frame: file name of a frame, from subject code and number.
      row: one row of the coding sheet, from the clip as it is named on disk.
    """

    database: str
    grey: bool
    frames: str
    sheet: str
    subject: Callable[[ClipLabels], str]
    clip: Callable[[ClipLabels], str]
    frame: Callable[[str, int], str]
    row: Callable[[ClipLabels], Mapping[str, object]]


def _action_units(labels: ClipLabels) -> str | int:
    """`4+L10`; a single AU is a number, as spreadsheets make of it."""
    codes = "+".join(map(str, labels.action_units))
    return int(codes) if codes.isdecimal() else codes


def _annotation(labels: ClipLabels) -> dict[str, object]:
    """The columns that the reference's annotation adds to the official sheets."""
    return {
        "Age": None,
        "Gender": None,
        "Race": ETHNICITIES.index(labels.ethnicity),
        "RaceConcised": _RACE_CONCISED.get(labels.ethnicity, "Asian"),
        "EstimatedEmotionConcised": labels.emotion.capitalize(),
    }


def _casme2_row(labels: ClipLabels) -> dict[str, object]:
    return {
        "Subject": int(labels.subject.removeprefix("sub")),
        "Filename": labels.clip,
        "OnsetFrame": labels.onset,
        "ApexFrame": labels.apex,
        "OffsetFrame": labels.offset,
        "Action Units": _action_units(labels),
        "Estimated Emotion": labels.raw_emotion,
        **_annotation(labels),
    }


def _samm_row(labels: ClipLabels) -> dict[str, object]:
    return {
        "Subject": labels.subject,
        "Filename": labels.clip,
        "Code": 1,
        "Onset": labels.onset,
        "Apex Frame": labels.apex,
        "Offset": labels.offset,
        "Duration": labels.offset - labels.onset + 1,
        "Micro": "Micro - 1/2",
        "Action Units": _action_units(labels),
        "Estimated Emotion": labels.raw_emotion.capitalize(),
        "Objective Classes": None,
        "Notes": None,
        **_annotation(labels),
    }


CASME2 = Layout(
    database="casme2",
    grey=False,
    frames="Cropped",
    sheet="CASME2-coding.xlsx",
    subject=lambda labels: f"sub{labels.subject}",
    clip=lambda labels: f"EP{labels.clip}_01f",
    frame=lambda subject, number: f"reg_img{number}.jpg",
    row=_casme2_row,
)

SAMM = Layout(
    database="samm",
    grey=True,
    frames="SAMM_CROP",
    sheet="SAMM_Micro_FACS_Codes.xlsx",
    subject=lambda labels: labels.subject,
    clip=lambda labels: f"{labels.subject}_1_{int(labels.clip)}",
    frame=lambda subject, number: f"{subject}_{number:05d}.jpg",
    row=_samm_row,
)

LAYOUTS: Mapping[str, tuple[Layout, ...]] = {
    "casme2": (CASME2,),
    "samm": (SAMM,),
    "casme2_samm": (CASME2, SAMM),
}
"""Name of a source -> what `write` puts into the folder it reads."""


def write(options: SimulatedOptions, root: pathlib.Path, layout: str, every: int = 10) -> None:
    """Writes a simulated database as a folder that a real source reads.

    Next to the frames and coding sheets stand `ethnicity.csv` (the subjects' groups) and
    `truth.csv`: per clip its labels as named on disk, `drawn` (the clip's key in the
    simulated database) and the simulation's truth. The folder appears whole or not at all.

    Args:
      options: what to simulate.
      root: the folder to make; it must not exist.
      layout: a name of LAYOUTS.
      every: frames between onset and offset are written in steps of this size, beside
        onset, apex and offset themselves; 1 writes all, at 200 fps.

    Raises:
      UserError: the folder exists, the layout is unknown, or no clip fits it.
    """
    if layout not in LAYOUTS:
        raise UserError(f"unknown export layout {layout!r}: use one of {', '.join(LAYOUTS)}")
    if every < 1:
        raise UserError(f"frames are written in steps of at least 1, not {every}")
    if root.exists():
        raise UserError(f"{root} exists already: name a new folder or remove it")
    tasks = simulated.list_clips(options).tasks
    with files.atomic_directory(root) as folder:
        clips = [clip for each in LAYOUTS[layout] for clip in _write(tasks, folder, each, every)]
        _tables(folder, clips)


def _write(
    tasks: Sequence[ClipTask], root: pathlib.Path, layout: Layout, every: int
) -> list[tuple[str, ClipTask]]:
    """Writes one database; returns its clips as (key of the drawn clip, clip as named on disk)."""
    drawn = [task for task in tasks if _film(task).spec.subject.cohort.grey == layout.grey]
    if not drawn:
        kind = "grey" if layout.grey else "colour"
        raise UserError(f"the {layout.database} layout needs a {kind} cohort; there is none")
    if any(len(task.labels.subject) > _SUBJECT_DIGITS for task in drawn):
        raise UserError(f"the {layout.database} layout has room for 99 subjects of an ethnicity")
    clips = [(task.key, _named(task, layout)) for task in drawn]
    keys = [clip.key for _, clip in clips]
    if len(set(keys)) < len(keys):
        raise UserError(
            f"several simulated databases would share the folder of {layout.database}: "
            f"give only one of them {'grey' if layout.grey else 'colour'} cohorts"
        )
    for _, clip in Progress(f"writing {layout.database}", clips, unit="clip"):
        _write_frames(clip, root / layout.frames, layout, every)
    sheet = pd.DataFrame([layout.row(clip.labels) for _, clip in clips])
    sheet.to_excel(root / layout.sheet, index=False)
    return clips


def _film(task: ClipTask) -> simulated.DrawnClip:
    assert isinstance(task.motion, simulated.DrawnClip), "all clips are simulated ones"
    return task.motion


def _named(task: ClipTask, layout: Layout) -> ClipTask:
    labels = dataclasses.replace(
        task.labels,
        database=layout.database,
        subject=layout.subject(task.labels),
        clip=layout.clip(task.labels),
    )
    return dataclasses.replace(task, labels=labels)


def _write_frames(clip: ClipTask, frames: pathlib.Path, layout: Layout, every: int) -> None:
    labels = clip.labels
    folder = frames / labels.subject / labels.clip
    folder.mkdir(parents=True)
    numbers = {*range(labels.onset, labels.offset, every), labels.apex, labels.offset}
    for number in sorted(numbers):
        frame = _film(clip).frame(number)
        stored = frame[..., 0] if layout.grey else cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        path = folder / layout.frame(labels.subject, number)
        if not cv2.imwrite(str(path), stored, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]):
            raise OSError(f"{path} could not be written")


def _tables(root: pathlib.Path, clips: Sequence[tuple[str, ClipTask]]) -> None:
    truth = pd.DataFrame(
        {
            "database": labels.database,
            "subject": labels.subject,
            "clip": labels.clip,
            "emotion": labels.emotion,
            "raw_emotion": labels.raw_emotion,
            "ethnicity": labels.ethnicity,
            "onset": labels.onset,
            "apex": labels.apex,
            "offset": labels.offset,
            "action_units": "+".join(map(str, labels.action_units)),
            "drawn": drawn,
            **labels.extra,
        }
        for drawn, labels in ((drawn, clip.labels) for drawn, clip in clips)
    )
    files.write_table(root / "truth.csv", truth)
    people = truth[["database", "subject", "ethnicity"]].drop_duplicates()
    people = people.assign(agreement=1.0, source=simulated.ETHNICITY_SOURCE)
    files.write_table(root / "ethnicity.csv", people)
