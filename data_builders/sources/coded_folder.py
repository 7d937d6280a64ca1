"""Joins a coding sheet with the database's folder of frames and its subjects' ethnicity.

The one reader of databases with a coding sheet: their modules only say how they name things.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

from data_builders.pixels import frames
from data_builders.sources import coding_sheet, demographics
from data_builders.sources.base import ClipTask, FramePair, Listing, Problem
from data_builders.sources.coded_clips import CodedDatabase, Coding, read_coding
from data_builders.sources.database import Database
from data_builders.sources.demographics import Ethnicities
from data_builders.sources.frame_folder import frame_path
from ethnicmer_jax.base.schema import UNKNOWN, ClipLabels, UserError

_SEARCHED_DEPTH = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodedFolder(CodedDatabase):
    """A database that comes as a coding sheet and a folder of frames."""

    def list_clips(self, raw: pathlib.Path, ethnicity: pathlib.Path | None = None) -> Listing:
        """See `Database.list_clips`.

        The sheet lies in the database's folder or directly in a folder of it, the frames at
        most three folders down.

        Returns:
          The usable clips; problems by clip; notes on what was read and left out.

        Raises:
          UserError: the sheet, the folder of frames or the table cannot be used.
        """
        home = own_folder(raw, self, holds=coding_sheet.workbooks)
        sheet = coding_sheet.find_sheet(home, self.clip_code, self.title)
        coding = read_coding(coding_sheet.read_rows(sheet, self.columns), self)
        root = find_frames(home, self)
        people, missing_people = _people((home, raw), self, coding, ethnicity)
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
            tuple(_notes(self, sheet, root, coding)),
        )


def own_folder(
    raw: pathlib.Path, database: Database, holds: Callable[[pathlib.Path], object] = bool
) -> pathlib.Path:
    """The folder called as the database in `raw`, or `raw` itself.

    Args:
      raw: the user's folder.
      database: whose folder to look for; the case of its name does not count.
      holds: whether a folder of this name has what the database is read from: frames may
        lie in a folder called SAMM, and their sheet beside it.

    Raises:
      UserError: there is no folder `raw`.
    """
    if not raw.is_dir():
        raise UserError(f"there is no folder {raw}; --raw names the folder of {database.title}")
    named = [path for path in folders(raw) if path.name.lower() == database.name]
    return named[0] if len(named) == 1 and holds(named[0]) else raw


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
    below = folders(folder)
    subjects = [path for path in below if database.subject_code.fullmatch(path.name)]
    if any(_holds_clips(path, database) for path in subjects):
        yield folder
    elif depth:
        for path in below:
            yield from _roots(path, database, depth - 1)


def _holds_clips(subject: pathlib.Path, database: CodedDatabase) -> bool:
    return any(database.clip_code.fullmatch(path.name) for path in folders(subject))


def folders(folder: pathlib.Path) -> list[pathlib.Path]:
    """The folders in a folder, sorted; links to folders count."""
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
    places: Sequence[pathlib.Path],
    database: CodedDatabase,
    coding: Coding,
    ethnicity: pathlib.Path | None,
) -> tuple[Ethnicities, list[Problem]]:
    """Subjects in the table of ethnicities, and a problem for each that it lacks."""
    beside = [place / demographics.TABLE for place in places]
    tables = [ethnicity] if ethnicity else [path for path in beside if path.is_file()]
    if not tables:
        return {}, []
    table = tables[0]
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
        for subject in folders(root)
        if database.subject_code.fullmatch(subject.name)
        for clip in folders(subject)
    }
    unlisted = sorted(f"{subject}/{clip}" for subject, clip in on_disk - coding.codes)
    if unlisted:
        yield f"{database.title}: not in the coding sheet: {', '.join(unlisted)}"
