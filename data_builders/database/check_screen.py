"""What `--check` prints: what a folder holds and what it lacks, on one screen of 80 columns.

Lines are broken at spaces only, so that codes and paths can be searched for and copied.
Problems of one kind are told once, with the number of clips and the subjects; the table
`--problems_csv` has every one.
"""

from __future__ import annotations

import pathlib
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import TextIO

import pandas as pd

from data_builders.database import check
from data_builders.sources import registry
from data_builders.sources.base import Listing
from data_builders.sources.database import Database
from data_builders.sources.registry import Request
from ethnicmer_jax.base.schema import UserError

_WIDTH = 79
_LINES = 18
"""Most lines on one database; two or three more tell what follows from them."""

_BETWEEN = "all sources together"
_KINDS = 4
_NAMES = 6
_CODE = re.compile(r"\S*[/\d]\S*")

Parts = Mapping[str, Listing | UserError]
"""Source -> its clips and problems, or why it cannot be read at all."""


def report(
    request: Request,
    csv_path: pathlib.Path | None = None,
    strict: bool = False,
    out: TextIO | None = None,
) -> None:
    """Checks what is asked for, pixels included, and prints it.

    Args:
      request: the sources and where they lie.
      csv_path: where to write every problem as a table, or None.
      strict: whether a fall-back counts as a failure too.
      out: where to print; standard output by default.

    Raises:
      UserError: see `show`.
    """
    parts: dict[str, Listing | UserError] = {
        name: part if isinstance(part, UserError) else check.with_unreadable(part)
        for name, part in registry.list_each(request)
    }
    read = [part for part in parts.values() if isinstance(part, Listing)]
    whole = registry.merged(read)
    known = {problem for part in read for problem in part.problems}
    between = tuple(problem for problem in whole.problems if problem not in known)
    if between and len(parts) == 1:
        parts = dict.fromkeys(parts, whole)
    elif between:
        parts[_BETWEEN] = Listing((), between)
    if csv_path is not None:
        check.write_csv(whole, csv_path)
    show(parts, registry.places(request.source, request.raw), strict, out)


def show(
    parts: Parts,
    places: Mapping[str, pathlib.Path],
    strict: bool = False,
    out: TextIO | None = None,
) -> None:
    """Prints every source of a check, and fails where one is not as it should be.

    Args:
      parts: the sources; listings after `check.with_unreadable`.
      places: where each source lies; its files are named from there.
      strict: whether a fall-back counts as a failure too.
      out: where to print; standard output by default.

    Raises:
      UserError: a source or a clip cannot be used, or there is no clip; raised after all was
        printed.
    """
    for name, part in parts.items():
        prefix = f"{places[name]}/" if name in places else ""
        lines = [
            line for text in _source(name, part) for line in _wrapped(text.replace(prefix, ""))
        ]
        if len(lines) > _LINES:
            lines = [*lines[: _LINES - 1], "  ... --problems_csv=FILE lists everything"]
        print("\n".join([_headline(name), *lines]), file=out or sys.stdout)
    _fail(parts, strict)


def _headline(name: str) -> str:
    database = registry.DATABASES.get(name)
    return f"{name}: {database.title}" if database else name


def _source(name: str, part: Listing | UserError) -> Iterator[str]:
    """Paragraphs on one source."""
    database = registry.DATABASES.get(name)
    if isinstance(part, UserError):
        yield f"cannot be read: {part}"
        if database:
            yield from _how_to_get(database)
        return
    yield from (
        note.removeprefix(f"{database.title}: ") if database else note for note in part.notes
    )
    summary = check.summarise(part)
    if name != _BETWEEN:
        yield _counts(summary, part)
    if database and (summary["unusable"].any() or not part.tasks):
        yield f"the whole database: {database.licence}"
    table = check.problem_table(part)
    for fatal, verdict in ((True, "unusable"), (False, "reported")):
        yield from _kinds(table[table["fatal"] == fatal], verdict)


def _how_to_get(database: Database) -> Iterator[str]:
    yield "expected in --raw:"
    yield from (f"  {line}" for line in database.layout)
    yield f"no licence yet? ask at {database.licence}"
    yield f"to try without one: --export={database.name} draws clips in this layout"


def _counts(summary: pd.DataFrame, listing: Listing) -> str:
    with_clips = summary.index[summary["usable"] > 0]
    coded = pd.Series([task.labels.emotion or "no class" for task in listing.tasks], dtype=str)
    emotions = ", ".join(f"{count} {name}" for name, count in coded.value_counts().items())
    text = f"{len(listing.tasks)} clips of {len(with_clips)} subjects"
    text += f": {emotions}" if emotions else ""
    without = [name for name in summary.index if name not in with_clips and "/" in name]
    if without:
        text += f"; no usable clip of {_named([name.split('/')[1] for name in without])}"
    return text


def _kinds(problems: pd.DataFrame, verdict: str) -> Iterator[str]:
    """Each kind of problem: how many there are, the first of them, and whose they are."""
    kinds = problems.assign(kind=[_CODE.sub("…", text) for text in problems["what"]])
    kinds = sorted(kinds.groupby("kind", sort=False), key=lambda kind: -len(kind[1]))
    for _, alike in kinds[:_KINDS]:
        first = alike.iloc[0]
        text = f"{verdict} {len(alike)}: {first['where']}: {first['what']}"
        people = list(dict.fromkeys(alike["subject"]))
        if len(alike) > 1:
            text += f"; the others alike, of {_named([name.split('/')[-1] for name in people])}"
        yield text
    if len(kinds) > _KINDS:
        rest = sum(len(alike) for _, alike in kinds[_KINDS:])
        yield f"{verdict} {rest}: of {len(kinds) - _KINDS} other kinds"


def _named(names: Iterable[str]) -> str:
    """Up to six names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _wrapped(text: str) -> list[str]:
    left = len(text) - len(text.lstrip()) + 2
    return textwrap.wrap(
        text.strip(),
        _WIDTH,
        initial_indent=" " * left,
        subsequent_indent=" " * (left + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _fail(parts: Parts, strict: bool) -> None:
    unread = [name for name, part in parts.items() if isinstance(part, UserError)]
    if unread:
        raise UserError(f"{', '.join(unread)} cannot be read: see above")
    listings = [part for part in parts.values() if isinstance(part, Listing)]
    summaries = pd.concat([check.summarise(part) for part in listings])
    clips = sum(len(part.tasks) for part in listings)
    unusable, reported = summaries["unusable"].sum(), summaries["reported"].sum()
    if unusable:
        raise UserError(
            f"{unusable} of {unusable + clips} clips cannot be used: mend what is listed above"
        )
    if not clips:
        raise UserError("there is no clip to build: see the notes above")
    if strict and reported:
        raise UserError(f"{reported} clips or subjects are reported above, and --strict is set")
