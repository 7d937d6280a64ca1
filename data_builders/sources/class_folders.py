"""Lists clips that lie in folders called after their class, without a sheet and an apex."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterator, Mapping

from data_builders.pixels import frames
from data_builders.sources import cells, demographics
from data_builders.sources.base import ClipTask, FrameSequence, Listing, Problem
from data_builders.sources.database import Database, own_folder
from data_builders.sources.frame_folder import FrameFolder
from data_builders.sources.frame_tree import FrameTree, TreeShape, find_trees
from ethnicmer_jax.base.schema import ClipLabels, clip_key

_SHOWN = 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassFolders(Database):
    """A database whose clips lie in folders called after their class.

    Attributes:
      frames: how its folders are nested; `{subject}`, `{emotion}` and `{clip}` are levels.
      short: short names of the classes, such as `ne`: what folders may be called too, and the
        part of a clip's code, `s1_ne_01`, that has to agree with its folder.
    """

    frames: TreeShape
    short: Mapping[str, str]

    def list_clips(self, raw: pathlib.Path, ethnicity: pathlib.Path | None = None) -> Listing:
        """See `Database.list_clips`: every folder of frames is a clip, from its first frame on."""
        home = own_folder(raw, self)
        (tree,) = find_trees(home, (self.frames,), self.title)
        tasks, problems, seen = [], [], dict[str, pathlib.Path]()
        for path, codes in tree.clips():
            key = clip_key(self.name, _subject(codes["subject"]), codes["clip"].lower())
            try:
                if key in seen:
                    raise ValueError(f"{path} is a second folder of it: {seen[key]} counts")
                seen[key] = path
                task, missing = self._task(tree, path, codes)
            except ValueError as error:
                problems.append(Problem(key, str(error)))
                continue
            tasks.append(task)
            if missing:
                problems.append(Problem(key, missing, fatal=False))
        note = f"{self.title}: classes and frames from {tree.root}"
        listing = Listing(tuple(tasks), tuple(problems), (note,))
        return demographics.labelled(listing, ethnicity or demographics.table_in(home, raw))

    def _task(
        self, tree: FrameTree, path: pathlib.Path, codes: Mapping[str, str]
    ) -> tuple[ClipTask, str]:
        """The clip, and what is missing between its frames ("" for nothing)."""
        emotion = self._emotion(codes)
        folder = FrameFolder.read(path)
        found = folder.between(0, max(folder.names, default=0))
        if not found:
            raise ValueError(f"no frames in {path}")
        for frame in found.values():
            frames.check_inside(frame, tree.root)
        motion = FrameSequence(tuple(found), tuple(found.values()))
        labels = ClipLabels(
            database=self.name,
            subject=_subject(codes["subject"]),
            clip=codes["clip"].lower(),
            emotion=emotion,
            raw_emotion=codes["emotion"],
            onset=motion.numbers[0],
            offset=motion.numbers[-1],
            fps=self.fps,
        )
        return ClipTask(labels, motion), _gaps(motion.numbers)

    def _emotion(self, codes: Mapping[str, str]) -> str:
        folder = codes["emotion"].lower()
        try:
            emotion = cells.emotion(self.short.get(folder, folder))
        except ValueError as error:
            raise ValueError(f"folder {error}") from None
        parts = codes["clip"].lower().split("_")
        says = [self.short[part] for part in parts if part in self.short]
        if says and says != [emotion]:
            raise ValueError(f"lies in the folder {codes['emotion']}, but its code says {says[0]}")
        return emotion


def _subject(code: str) -> str:
    """s1 for s01 and S1."""
    return re.sub("[0-9]+", lambda match: str(int(match[0])), code.lower())


def _gaps(numbers: tuple[int, ...]) -> str:
    missing = sorted({*range(numbers[0], numbers[-1])} - {*numbers})
    return f"frames are missing: {', '.join(_shown(missing))}" if missing else ""


def _shown(numbers: list[int]) -> Iterator[str]:
    yield from map(str, numbers[:_SHOWN])
    if len(numbers) > _SHOWN:
        yield f"and {len(numbers) - _SHOWN} more"
