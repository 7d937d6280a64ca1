"""Finds the folder of each clip's frames in a user's folder, whatever lies above and around it.

Users unpack archives where they like: the tree of a database may begin some folders down, and
raw and cropped frames may lie side by side. Codes are compared without case and leading zeros.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import re
from collections.abc import Iterable, Iterator, Sequence

from data_builders.sources import codes
from ethnicmer_jax.base.schema import UserError

SEARCHED_DEPTH = 5
"""How many folders below the user's a tree may begin, or a coding sheet may lie."""

_FIELD = re.compile(r"\{(subject|clip|emotion)\}")
_ANY = re.compile(".+", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class TreeShape:
    """How a database nests its folders of frames.

    Attributes:
      levels: names of the folders from the tree's root down to a clip's frames, separated by /:
        `{subject}` and `{clip}` stand for codes, `{emotion}` for any name, `*` for
        any text.
      subject, clip: what codes look like, in any case.
      usual: usual names of a folder at or above the tree's root, the best ones first (cropped
        frames before whole ones); they decide where there are several trees.
      example: one frame's path, for messages.
      scattered: whether several trees are parts of the database, not copies of each other.
      within: name of a folder at or above the root, where only trees below it count; "" for any.
    """

    levels: str
    subject: re.Pattern[str]
    clip: re.Pattern[str]
    usual: tuple[str, ...]
    example: str
    scattered: bool = False
    within: str = ""

    @functools.cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """What the folder's name at each level looks like."""
        return tuple(self._pattern(level) for level in self.levels.split("/"))

    def _pattern(self, level: str) -> re.Pattern[str]:
        known = {"subject": self.subject, "clip": self.clip, "emotion": _ANY}
        parts = _FIELD.split(level)
        text = "".join(
            f"(?P<{part}>{known[part].pattern})"
            if index % 2
            else re.escape(part).replace(r"\*", ".*")
            for index, part in enumerate(parts)
        )
        return re.compile(text, re.IGNORECASE | re.DOTALL)


@dataclasses.dataclass(frozen=True)
class FrameTree:
    """The folders of a database's frames.

    Attributes:
      root: the folder whose folders are the first level of the shape.
      shape: how they are nested.
    """

    root: pathlib.Path
    shape: TreeShape

    def clips(self) -> Iterator[tuple[pathlib.Path, dict[str, str]]]:
        """The folders of all clips, with what stands for the fields in their paths."""
        return _clips(self.root, self.shape.patterns)

    def folder(self, subject: str, clip: str) -> pathlib.Path:
        """A clip's folder of frames.

        Raises:
          ValueError: there is none, or more than one.
        """
        found = self._by_code.get(self._key(subject, clip), ())
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(str(path.relative_to(self.root.parent)) for path in found)
            raise ValueError(f"more than one folder holds its frames: {names}")
        name = self.shape.levels.format(subject=subject, clip=clip)
        raise ValueError(f"its folder {self.root.name}/{name} is missing")

    def unlisted(self, known: Sequence[tuple[str, str]]) -> list[str]:
        """Paths of the clips' folders that belong to no known (subject, clip)."""
        keys = {self._key(*code) for code in known}
        return sorted(
            str(path.relative_to(self.root))
            for key, paths in self._by_code.items()
            for path in paths
            if key not in keys
        )

    @functools.cached_property
    def _by_code(self) -> dict[tuple[str, str], tuple[pathlib.Path, ...]]:
        found: dict[tuple[str, str], tuple[pathlib.Path, ...]] = {}
        for path, fields in self.clips():
            key = self._key(fields.get("subject", ""), fields.get("clip", ""))
            found[key] = (*found.get(key, ()), path)
        return found

    def _key(self, subject: str, clip: str) -> tuple[str, str]:
        """What tells clips apart; a shape without subjects has clip codes that do it alone."""
        levels = self.shape.levels
        return (
            codes.folded(subject) if "{subject}" in levels else "",
            codes.folded(clip) if "{clip}" in levels else "",
        )


def find_trees(raw: pathlib.Path, shapes: Sequence[TreeShape], title: str) -> tuple[FrameTree, ...]:
    """The trees in a folder, or at most SEARCHED_DEPTH folders below it.

    Args:
      raw: the user's folder.
      shapes: the shapes that a database comes in; trees of the first ones come first.
      title: the database's name, for messages.

    Raises:
      UserError: there is none of any shape, or it is not clear which one is meant.
    """
    found = [
        (root, shape)
        for root, shape in _roots(raw, shapes, SEARCHED_DEPTH)
        if not shape.within or _below(raw, root, shape.within)
    ]
    trees: list[FrameTree] = []
    for shape in shapes:
        roots = once([root for root, fitting in found if fitting is shape])
        chosen = _most_usual(raw, roots, shape.usual)
        if len(chosen) > 1 and not shape.scattered:
            names = ", ".join(str(root) for root in chosen)
            raise UserError(f"several folders hold frames of {title}: {names}; leave one")
        trees += [FrameTree(root, shape) for root in chosen]
    if not trees:
        expected = " or ".join(shape.example for shape in shapes)
        raise UserError(f"no frames of {title} in {raw}: expected a folder such as {expected}")
    return tuple(trees)


def once(paths: Iterable[pathlib.Path]) -> list[pathlib.Path]:
    """Paths that lead to different places: a link to what is there already adds nothing.

    Of several paths to one place the shortest stays, at its place among the others.
    """
    paths = list(paths)
    found: dict[pathlib.Path, pathlib.Path] = {}
    for path in sorted(paths, key=lambda path: len(path.parts)):
        found.setdefault(path.resolve(), path)
    kept = set(found.values())
    return [path for path in paths if path in kept]


def folders(folder: pathlib.Path) -> list[pathlib.Path]:
    """The folders in a folder, sorted, without those of `is_litter`; links to folders count."""
    with os.scandir(folder) as entries:
        return sorted(
            pathlib.Path(entry.path)
            for entry in entries
            if entry.is_dir() and not is_litter(entry.name)
        )


def is_litter(name: str) -> bool:
    """Whether a file or folder is called like those that people did not put there.

    Hidden ones, those that macOS packs (`__MACOSX`), thumbnails and bins of file servers
    (`@eaDir`, `#recycle`, `$RECYCLE.BIN`) and locks of Office (`~$`).
    """
    return name.startswith((".", "__MACOSX", "@", "#", "$", "~"))


def _clips(
    folder: pathlib.Path, patterns: Sequence[re.Pattern[str]]
) -> Iterator[tuple[pathlib.Path, dict[str, str]]]:
    """Folders that fit all levels, with the codes in their names."""
    if not patterns:
        yield folder, {}
        return
    for path in folders(folder):
        if match := patterns[0].fullmatch(path.name):
            for below, fields in _clips(path, patterns[1:]):
                yield below, match.groupdict() | fields


def _roots(
    folder: pathlib.Path, shapes: Sequence[TreeShape], depth: int
) -> Iterator[tuple[pathlib.Path, TreeShape]]:
    """Roots of trees with their shapes; what lies below a root is not looked into."""
    fitting = [shape for shape in shapes if next(_clips(folder, shape.patterns), None)]
    if fitting:
        yield from ((folder, shape) for shape in fitting)
    elif depth:
        for path in folders(folder):
            yield from _roots(path, shapes, depth - 1)


def _most_usual(
    raw: pathlib.Path, roots: Sequence[pathlib.Path], usual: Sequence[str]
) -> Sequence[pathlib.Path]:
    """The roots at or below a folder of the first usual name that is there."""
    for name in usual:
        named = [root for root in roots if _below(raw, root, name)]
        if named:
            return named
    return roots


def _below(raw: pathlib.Path, root: pathlib.Path, name: str) -> bool:
    """Whether a root is, or lies in, a folder of this name, in any case."""
    parts = (*raw.absolute().parts[-1:], *root.relative_to(raw).parts)
    return name.lower() in {part.lower() for part in parts}
