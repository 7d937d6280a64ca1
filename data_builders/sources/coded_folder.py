"""Joins a coding sheet with the database's folder of frames and its subjects' ethnicity.

The one reader of databases with a coding sheet: their modules only say how they name things.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Iterator, Sequence

from data_builders.pixels import frames
from data_builders.sources import coding_sheet, demographics
from data_builders.sources.base import (
    ClipTask,
    FramePair,
    FrameSequence,
    Listing,
    Motion,
    Problem,
)
from data_builders.sources.coded_clips import CodedDatabase, Coding, read_coding
from data_builders.sources.coding_sheet import CodedRow
from data_builders.sources.database import own_folder
from data_builders.sources.frame_folder import FrameFolder
from data_builders.sources.frame_tree import FrameTree, TreeShape, find_trees
from ethnicmer_jax.base.schema import ClipLabels

_SHOWN = 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodedFolder(CodedDatabase):
    """A database that comes as a coding sheet and a folder of frames.

    Attributes:
      other_frames: how folders of frames are nested in other releases of the database.
    """

    other_frames: tuple[TreeShape, ...] = ()

    def list_clips(self, raw: pathlib.Path, ethnicity: pathlib.Path | None = None) -> Listing:
        """See `Database.list_clips`.

        The sheet and the tree of frames lie in the database's folder or at most five folders
        down.

        Returns:
          The usable clips; problems by clip; notes on what was read and left out.

        Raises:
          UserError: the sheet, the folder of frames or the table cannot be used.
        """
        home = own_folder(raw, self, holds=coding_sheet.workbooks)
        sheets = self.sheets(home)
        coding = read_coding(self.rows(sheets), self)
        trees = find_trees(home, (self.frames, *self.other_frames), self.title)
        tasks, missing_frames = [], []
        listed = functools.lru_cache(maxsize=16)(_listed)  # clips share films
        for labels in coding.clips:
            try:
                root, folder = self._folder(trees, labels.subject, labels.clip)
                motion = _motion(root, listed(root, folder), labels)
            except ValueError as error:
                missing_frames.append(Problem(labels.key, str(error)))
            else:
                tasks.append(ClipTask(labels, motion))
        listing = Listing(
            tuple(tasks),
            (*coding.problems, *missing_frames),
            tuple(self.notes(sheets, trees, coding)),
        )
        return demographics.labelled(listing, ethnicity or demographics.table_in(home, raw))

    def sheets(self, home: pathlib.Path) -> tuple[pathlib.Path, ...]:
        """The workbooks that code the database.

        Raises:
          UserError: there is none, or it is not clear which one counts.
        """
        return (coding_sheet.find_sheet(home, self.frames.clip, self.title, self.columns),)

    def rows(self, sheets: Sequence[pathlib.Path]) -> list[CodedRow]:
        """The rows of all sheets; a database may add to them what their sheet says of them."""
        return [row for sheet in sheets for row in coding_sheet.read_rows(sheet, self.columns)]

    def address(self, subject: str, clip: str, shape: TreeShape) -> tuple[str, str]:
        """What stands for `{subject}` and `{clip}` in the names of a clip's folders."""
        return subject, clip

    def _folder(
        self, trees: Sequence[FrameTree], subject: str, clip: str
    ) -> tuple[pathlib.Path, pathlib.Path]:
        """The root of the tree that holds a clip, and the clip's folder of frames.

        Raises:
          ValueError: no tree holds it, or one holds it twice.
        """
        found: list[tuple[FrameTree, pathlib.Path]] = []
        errors: list[ValueError] = []
        for tree in trees:
            try:
                found.append((tree, tree.folder(*self.address(subject, clip, tree.shape))))
            except ValueError as error:
                errors.append(error)
        if not found:
            raise errors[0]
        tree, folder = found[0]
        copies = [str(path) for other, path in found if other.shape is tree.shape]
        if len(copies) > 1:
            raise ValueError(f"more than one folder holds its frames: {', '.join(copies)}")
        return tree.root, folder

    def notes(
        self, sheets: Sequence[pathlib.Path], trees: Sequence[FrameTree], coding: Coding
    ) -> Iterator[str]:
        """What was read, and which folders no row codes."""
        labels, frames = (_short(map(str, paths)) for paths in (sheets, [t.root for t in trees]))
        yield f"{self.title}: labels from {labels}, frames from {frames}"
        unlisted = [
            name
            for tree in trees
            for name in tree.unlisted([self.address(*c, tree.shape) for c in sorted(coding.codes)])
        ]
        if unlisted:
            yield f"{self.title}: not in the coding sheet: {_short(unlisted)}"


def _listed(root: pathlib.Path, folder: pathlib.Path) -> FrameFolder:
    frames.check_inside(folder, root)
    return FrameFolder.read(folder)


def _motion(root: pathlib.Path, folder: FrameFolder, labels: ClipLabels) -> Motion:
    """The onset and the apex, or where nobody knows the apex all frames of the clip."""
    if labels.apex >= 0:
        return FramePair(
            _frame(root, folder, "onset", labels.onset), _frame(root, folder, "apex", labels.apex)
        )
    _frame(root, folder, "onset", labels.onset)
    found = folder.between(labels.onset, labels.offset)
    for path in filter(pathlib.Path.is_symlink, found.values()):
        frames.check_inside(path, root)
    return FrameSequence(tuple(found), tuple(found.values()))


def _frame(root: pathlib.Path, folder: FrameFolder, name: str, number: int) -> pathlib.Path:
    try:
        path = folder.path(number)
        if path.is_symlink():
            frames.check_inside(path, root)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return path


def _short(names: Iterable[str]) -> str:
    """A list of names that does not fill the screen."""
    known = list(names)
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return ", ".join(known[:_SHOWN]) + more
