"""Guesses what the levels of a folder tree are: database, subject, emotion, clip."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import re
from collections.abc import Sequence

from data_builders.sources import codes
from ethnicmer_jax.base.schema import coded_emotion

_Names = tuple[str, ...]
_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class Levels:
    """What was read from the names of clips, one text per clip; "" is left to fill in.

    Attributes:
      database, subject, clip, emotion: one cell per clip.
      assumed: how, one line each, for people.
    """

    database: list[str]
    subject: list[str]
    clip: list[str]
    emotion: list[str]
    assumed: list[str]


def guess(names: Sequence[_Names], database: str) -> Levels:
    """Reads the levels of clips, all of one depth of at least 1.

    Args:
      names: of each clip, the folders on the way to it and its own name.
      database: the name where no level is one.
    """
    left = dict(enumerate(map(list, zip(*names, strict=True)), 1))
    last = len(left)
    assumed: list[str] = []
    emotion = _emotions(left, last, assumed)
    databases = _databases(left, last, assumed)
    if databases is None:
        databases = [database] * len(names)
        assumed.append(f"database: {database!r}, the name of the folder")
    for level in [level for level, column in left.items() if level != last]:
        spare = len(left) > 2 or _starts(left[last]) is not None
        if spare and len(set(left[level])) == 1:
            assumed.append(f"level {level} is {left.pop(level)[0]!r} everywhere: not used")
    subject = _subjects(left, last, assumed)
    clip = ["_".join(parts) for parts in zip(*left.values(), strict=True)]
    assumed.append(f"clip: level {' and '.join(map(str, left))} ({_shown(clip)})")
    if _repeated(databases, subject, clip) and any(emotion):
        clip = [f"{name}_{each}" for name, each in zip(emotion, clip, strict=True)]
        assumed.append("clip: with the emotion before it, since codes begin anew in each")
    return Levels(databases, subject, clip, emotion, assumed)


def _emotions(left: dict[int, list[str]], last: int, assumed: list[str]) -> list[str]:
    """The level most names of which are emotions; else the one such word in each clip's name."""
    for level, column in left.items():
        others = sorted(name for name in set(column) if not _is_emotion(name))
        if level != last and 2 * len(others) < len(set(column)):
            assumed.append(f"emotion: level {level} ({_shown(column)})")
            if others:
                assumed.append(
                    f"emotion: {', '.join(others)} not known: write one of ours in the column, or "
                    "in [cells.emotion] of a mapping file"
                )
            return left.pop(level)
    words = [
        [word for word in re.split("[^A-Za-z]+", name) if _is_emotion(word)] for name in left[last]
    ]
    if all(len(found) == 1 for found in words):
        assumed.append("emotion: the word in the clip's name")
        return [found[0] for found in words]
    assumed.append("emotion: no level has names of emotions; fill in the column")
    return [""] * len(left[last])


def _databases(left: dict[int, list[str]], last: int, assumed: list[str]) -> list[str] | None:
    """The level of public databases' names, or a first of three with fewer names than the next."""
    for level, column in left.items():
        if level != last and all(codes.database(name) in codes.DATABASES for name in set(column)):
            assumed.append(f"database: level {level} ({_shown(column)})")
            return left.pop(level)
    above = [level for level in left if level != last and len(set(left[level])) > 1]
    if len(above) < 2:
        return None
    first, second = above[0], above[1]
    if len(set(left[first])) < len(set(left[second])):
        assumed.append(f"database: level {first} ({_shown(left[first])})")
        return left.pop(first)
    return None


def _subjects(left: dict[int, list[str]], last: int, assumed: list[str]) -> list[str]:
    """The first level left; else what stands before the first _ or - of clips' names."""
    level = next(iter(left))
    if level != last:
        assumed.append(f"subject: level {level} ({_shown(left[level])})")
        return left.pop(level)
    if starts := _starts(left[last]):
        assumed.append(f"subject: what stands before the first _ or - of a clip ({_shown(starts)})")
        return starts
    assumed.append("subject: no level tells people apart; fill in the column")
    return [""] * len(left[last])


def _starts(clips: Sequence[str]) -> list[str] | None:
    """What stands before the first _ or - of clips, where it tells groups of them apart."""
    starts = [re.split("[_-]", name)[0] for name in clips]
    return starts if 1 < len(set(starts)) < len(starts) else None


def _repeated(*columns: Sequence[str]) -> bool:
    counts = collections.Counter(zip(*columns, strict=True))
    return max(counts.values()) > 1


def _is_emotion(word: str) -> bool:
    try:
        coded_emotion(word)
    except ValueError:
        return False
    return True


def _shown(column: Sequence[str]) -> str:
    """`7 different: s01, s02, s03, …`."""
    names = sorted(set(column))
    more = ", …" if len(names) > _SHOWN else ""
    return f"{len(names)} different: {', '.join(itertools.islice(names, _SHOWN))}{more}"
