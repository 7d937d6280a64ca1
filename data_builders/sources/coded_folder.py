"""Joins a coding sheet with the database's folder of frames and its subjects' ethnicity.

The one reader behind `casme2`, `samm` and `casme2_samm`: those only say how their
database names things.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

from data_builders.pixels import frames
from data_builders.sources import coding_sheet, demographics
from data_builders.sources.base import ClipTask, FramePair, Listing, Problem
from data_builders.sources.coded_clips import CodedDatabase, Coding, read_coding
from data_builders.sources.demographics import Ethnicities
from data_builders.sources.frame_folder import frame_path
from ethnicmer_jax.base.schema import UNKNOWN, ClipLabels, UserError

_SEARCHED_DEPTH = 3


def list_clips(
    raw: pathlib.Path, database: CodedDatabase, ethnicity: pathlib.Path | None = None
) -> Listing:
    """Lists a database's clips and everything that is wrong with them.

    Args:
      raw: the folder with the coding sheet (in it or in a folder directly in it) and
        the frames (at most three folders down).
      database: how the database names things.
      ethnicity: table of ethnicities; by default `raw`/ethnicity.csv where it exists.

    Returns:
      The usable clips; problems by clip; notes on what was read and left out.

    Raises:
      UserError: the sheet, the folder of frames or the table as a whole cannot be used.
    """
    if not raw.is_dir():
        raise UserError(f"there is no folder {raw}; --raw names the folder of {database.title}")
    sheet = coding_sheet.find_sheet(raw, database.clip_code, database.title)
    coding = read_coding(coding_sheet.read_rows(sheet), database)
    root = find_frames(raw, database)
    people, missing_people = _people(raw, database, coding, ethnicity)
    tasks, missing_frames = [], []
    for labels in coding.clips:
        try:
            pair = _frame_pair(root, labels)
        except ValueError as error:
            missing_frames.append(Problem(labels.key, str(error)))
        else:
            tasks.append(ClipTask(demographics.relabelled(labels, people), pair))
    return Listing(
        tuple(tasks),
        (*coding.problems, *missing_frames, *missing_people),
        tuple(_notes(database, sheet, root, coding)),
    )


def find_frames(raw: pathlib.Path, database: CodedDatabase) -> pathlib.Path:
    """The folder in `raw` (or `raw` itself) whose folders are the database's subjects.

    Where several are, the one with the database's usual name counts.

    Raises:
      UserError: there is none, or it is not clear which one is meant.
    """
    roots = list(_roots(raw, database, _SEARCHED_DEPTH))
    usual = [root for root in roots if root.name == database.frames_folder]
    chosen = usual if len(usual) == 1 else roots
    if not chosen:
        raise UserError(
            f"no frames of {database.title} in {raw}: expected a folder such as {database.example}"
        )
    if len(chosen) > 1:
        names = ", ".join(str(root) for root in chosen)
        raise UserError(f"several folders hold frames of {database.title}: {names}; leave one")
    return chosen[0]


def _roots(folder: pathlib.Path, database: CodedDatabase, depth: int) -> Iterator[pathlib.Path]:
    below = _folders(folder)
    subjects = [path for path in below if database.subject_code.fullmatch(path.name)]
    if any(_holds_clips(path, database) for path in subjects):
        yield folder
    elif depth:
        for path in below:
            yield from _roots(path, database, depth - 1)


def _holds_clips(subject: pathlib.Path, database: CodedDatabase) -> bool:
    return any(database.clip_code.fullmatch(path.name) for path in _folders(subject))


def _folders(folder: pathlib.Path) -> list[pathlib.Path]:
    with os.scandir(folder) as entries:
        return sorted(pathlib.Path(entry.path) for entry in entries if entry.is_dir())


def _frame_pair(root: pathlib.Path, labels: ClipLabels) -> FramePair:
    folder = root / labels.subject / labels.clip
    if not folder.is_dir():
        raise ValueError(f"its folder {root.name}/{labels.subject}/{labels.clip} is missing")
    onset, apex = (
        _frame(root, folder, name, number)
        for name, number in (("onset", labels.onset), ("apex", labels.apex))
    )
    return FramePair(onset, apex)


def _frame(root: pathlib.Path, folder: pathlib.Path, name: str, number: int) -> pathlib.Path:
    try:
        path = frame_path(folder, str(number))
        frames.check_inside(path, root)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return path


def _people(
    raw: pathlib.Path, database: CodedDatabase, coding: Coding, ethnicity: pathlib.Path | None
) -> tuple[Ethnicities, list[Problem]]:
    """Subjects in the table of ethnicities, and a problem for each that it lacks."""
    beside = raw / demographics.TABLE
    if ethnicity is None and not beside.is_file():
        return {}, []
    table = ethnicity or beside
    people = demographics.read_table(table, database.name, database.subject)
    lacking = sorted({clip.person for clip in coding.clips} - set(people))
    what = f"has no row in {table.name}: ethnicity {UNKNOWN} unless the coding sheet has it"
    return people, [Problem(person, what, fatal=False) for person in lacking]


def _notes(
    database: CodedDatabase, sheet: pathlib.Path, root: pathlib.Path, coding: Coding
) -> Iterator[str]:
    yield f"{database.title}: labels from {sheet}, frames from {root}"
    for emotion, count in sorted(coding.classless.items()):
        yield f"{database.title}: {count} clips coded {emotion!r} have no class and are left out"
    on_disk = {
        (subject.name, clip.name)
        for subject in _folders(root)
        if database.subject_code.fullmatch(subject.name)
        for clip in _folders(subject)
    }
    unlisted = sorted(f"{subject}/{clip}" for subject, clip in on_disk - coding.codes)
    if unlisted:
        yield f"{database.title}: not in the coding sheet: {', '.join(unlisted)}"
