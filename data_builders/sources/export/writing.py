"""Writes drawn clips as folders of frames and coding sheets, as licensed databases come.

The people of a layout are those of the simulated database called after it (`simcasme2` for
`casme2`); where the options have none, as many as they have in all databases together, but
others: every database that is exported has people and clips of its own.
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import cv2
import pandas as pd

from data_builders.simulation import own_settings
from data_builders.simulation.options import Cohort, SimulatedOptions, changed
from data_builders.sources import simulated
from data_builders.sources.base import ClipTask
from data_builders.sources.export import (
    casme,
    casme2,
    casme3,
    casme3c,
    casme_squared,
    dfme,
    four_dme,
    mmew,
    samm,
    smic,
    smic_nir,
    smic_vis,
)
from data_builders.sources.export.layout import Layout
from ethnicmer_jax.base import files, lock
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.base.schema import ClipLabels, UserError

_MODULES = (
    *(smic, smic_vis, smic_nir, casme, casme2, samm, casme_squared),
    *(casme3, casme3c, four_dme, mmew, dfme),
)

LAYOUTS: Mapping[str, Layout] = {module.LAYOUT.database: module.LAYOUT for module in _MODULES}
"""By the name of the source that reads the layout."""

_JPEG_QUALITY = 95
_SUBJECT_DIGITS = 3


@dataclasses.dataclass(frozen=True)
class ExportedClip:
    """A drawn clip, and what its database says of it.

    Attributes:
      drawn: as it was simulated.
      labels: as the database codes it.
    """

    drawn: ClipTask
    labels: ClipLabels


def write(options: SimulatedOptions, root: pathlib.Path, name: str, every: int = 10) -> None:
    """Writes a simulated database as a folder that a real source reads.

    Beside the frames and coding sheets stand `ethnicity.csv` (the subjects' groups) and
    `truth.csv`: per clip its labels as they are coded, `drawn` (the clip's key in the
    simulated database), `drawn_apex` (its apex, coded or not) and the simulation's truth. The
    folder appears whole or not at all.

    Args:
      options: what to simulate.
      root: the folder to make; it must not exist.
      name: one of LAYOUTS, or several joined by +: each then has a folder of its own.
      every: frames between onset and offset are written in steps of this size, beside
        onset, apex and offset themselves; 1 writes all.

    Raises:
      UserError: the folder exists, the layout is unknown, or the clips do not fit it.
    """
    names = name.split("+")
    for each in names:
        if each not in LAYOUTS or names.count(each) > 1:
            raise UserError(
                f"unknown export layout {name!r}: use one of {', '.join(LAYOUTS)}, "
                "or several joined by +"
            )
    if every < 1:
        raise UserError(f"frames are written in steps of at least 1, not {every}")
    plans = {each: plan(options, LAYOUTS[each]) for each in names}
    with lock.held_output(root):
        if root.exists():
            raise UserError(f"{root} exists already: name a new folder or remove it")
        with files.atomic_directory(root) as folder:
            for each, clips in plans.items():
                own = folder / each if len(names) > 1 else folder
                own.mkdir(exist_ok=True)
                _write_clips(clips, own, LAYOUTS[each], every)
            _write_truth(folder, [clip for clips in plans.values() for clip in clips])


def plan(options: SimulatedOptions, layout: Layout) -> list[ExportedClip]:
    """The clips that a layout gets; nothing is drawn yet.

    Raises:
      UserError: there are more subjects than the layout has codes for.
    """
    tasks = simulated.list_clips(people_of(options, layout)).tasks
    if any(len(task.labels.subject) > _SUBJECT_DIGITS for task in tasks):
        raise UserError(f"the {layout.database} layout has room for 99 subjects of an ethnicity")
    coded = [(task, layout.coded(_numbered(task.labels, layout))) for task in tasks]
    return [ExportedClip(task, labels) for task, labels in coded if labels is not None]


def _numbered(labels: ClipLabels, layout: Layout) -> ClipLabels:
    """A drawn clip's labels under the layout's database and in its count of frames."""
    shift = _shift(labels, layout)
    return dataclasses.replace(
        labels,
        database=layout.database,
        onset=labels.onset + shift,
        apex=labels.apex + shift,
        offset=labels.offset + shift,
    )


def _shift(drawn: ClipLabels, layout: Layout) -> int:
    """From a frame's number in the film to its number in the layout."""
    return 0 if layout.first is None else layout.first - drawn.onset


def people_of(options: SimulatedOptions, layout: Layout) -> SimulatedOptions:
    """The options of one database: its cohorts, filmed by its camera."""
    database = f"sim{layout.database}"
    own = [cohort for cohort in options.cohorts if cohort.database == database]
    subjects: collections.Counter[str] = collections.Counter()
    for cohort in own or options.cohorts:
        subjects[cohort.ethnicity] += cohort.subjects
    cohorts = tuple(
        Cohort(database, ethnicity, count, layout.grey) for ethnicity, count in subjects.items()
    )
    alone = dataclasses.replace(options, cohorts=cohorts, laboratories="")
    settings = own_settings.parse(options.laboratories).get(database, ())
    return dataclasses.replace(changed(alone, settings), fps=layout.fps)


def _write_clips(
    clips: Sequence[ExportedClip], folder: pathlib.Path, layout: Layout, every: int
) -> None:
    for clip in Progress(f"writing {layout.database}", clips, unit="clip"):
        _write_frames(clip, folder, layout, every)
    layout.write_tables(folder, [clip.labels for clip in clips])


def _write_frames(clip: ExportedClip, root: pathlib.Path, layout: Layout, every: int) -> None:
    film, labels, shift = clip.drawn.motion, clip.labels, _shift(clip.drawn.labels, layout)
    assert isinstance(film, simulated.DrawnClip), "all clips are simulated ones"
    spec = film.spec
    step = 1 if layout.every_frame else every
    numbers = {*range(spec.onset, spec.offset, step), spec.apex, spec.offset}
    for number in sorted(numbers):
        frame = film.frame(number)
        if layout.side:
            frame = cv2.resize(frame, (layout.side, layout.side), interpolation=cv2.INTER_AREA)
        stored = frame[..., 0] if layout.grey else cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        path = root / layout.frame(labels, number + shift)
        path.parent.mkdir(parents=True, exist_ok=True)
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if path.suffix == ".jpg" else []
        if not cv2.imwrite(str(path), stored, quality):
            raise OSError(f"{path} could not be written")


def _write_truth(root: pathlib.Path, clips: Sequence[ExportedClip]) -> None:
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
            "drawn": clip.drawn.key,
            "drawn_apex": labels.onset + clip.drawn.labels.apex - clip.drawn.labels.onset,
            **labels.extra,
        }
        for clip, labels in ((clip, clip.labels) for clip in clips)
    )
    files.write_table(root / "truth.csv", truth)
    people = truth[["database", "subject", "ethnicity"]].drop_duplicates()
    people = people.assign(agreement=1.0, source=simulated.ETHNICITY_SOURCE)
    files.write_table(root / "ethnicity.csv", people)
