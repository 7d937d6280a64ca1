"""Joins a coding sheet with the database's folder of frames and its subjects' ethnicity.

The one reader of databases with a coding sheet: their modules only say how they name things.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator

from data_builders.pixels import frames
from data_builders.sources import coding_sheet, demographics
from data_builders.sources.base import ClipTask, FramePair, Listing, Problem
from data_builders.sources.coded_clips import CodedDatabase, Coding, read_coding
from data_builders.sources.database import Database
from data_builders.sources.frame_folder import frame_path
from data_builders.sources.frame_tree import FrameTree, folders
from ethnicmer_jax.base.schema import ClipLabels, UserError


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
        sheet = coding_sheet.find_sheet(home, self.frames.clip, self.title)
        coding = read_coding(coding_sheet.read_rows(sheet, self.columns), self)
        tree = FrameTree.find(home, self.frames, self.title)
        tasks, missing_frames = [], []
        for labels in coding.clips:
            try:
                pair = _frame_pair(tree, labels)
            except ValueError as error:
                missing_frames.append(Problem(labels.key, str(error)))
            else:
                tasks.append(ClipTask(labels, pair))
        listing = Listing(
            tuple(tasks),
            (*coding.problems, *missing_frames),
            tuple(_notes(self, sheet, tree, coding)),
        )
        return demographics.labelled(listing, ethnicity or demographics.table_in(home, raw))


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


def _frame_pair(tree: FrameTree, labels: ClipLabels) -> FramePair:
    folder = tree.folder(labels.subject, labels.clip)
    onset, apex = (
        _frame(tree.root, folder, name, number)
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


def _notes(
    database: CodedDatabase, sheet: pathlib.Path, tree: FrameTree, coding: Coding
) -> Iterator[str]:
    yield f"{database.title}: labels from {sheet}, frames from {tree.root}"
    if unlisted := tree.unlisted(sorted(coding.codes)):
        yield f"{database.title}: not in the coding sheet: {', '.join(unlisted)}"
