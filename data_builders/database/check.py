"""Says what is missing in a user's folder, before anything is computed (`--check`).

Per subject and with counts for people, as a CSV table for scripts.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterator

import pandas as pd
from rich.console import Console
from rich.table import Table

from data_builders.pixels import flow_file
from data_builders.sources.base import ClipTask, FlowFile, Listing, Problem
from ethnicmer_jax.base import class_schemes, files
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.base.schema import UserError

ELSEWHERE = "(no subject)"
"""Stands for the subject of problems with a file or a row as a whole."""

_KEY = re.compile(r"(?P<person>[\w-]+/[^/]+)(?:/[^/]+)?")
_SHOWN = 5
_SMALL = 8

_SCHEME = class_schemes.parse(class_schemes.DEFAULT)
_NO_CLASS = "no class"


def report(
    listing: Listing,
    csv_path: pathlib.Path | None = None,
    console: Console | None = None,
    strict: bool = False,
) -> None:
    """Prints what a folder holds and what is wrong with it, pixels included.

    Args:
      listing: a source's clips and problems.
      csv_path: where to write every problem as a table, or None.
      console: where to print; standard output by default.
      strict: whether a fall-back counts as a failure too.

    Raises:
      UserError: a clip cannot be used, or there is none; raised after all was printed.
    """
    console = console or Console()
    listing = with_unreadable(listing)
    for note in listing.notes:
        _print(console, note)
    summary = summarise(listing)
    console.print(_table(summary))
    for line in _lines(listing, csv_path):
        _print(console, line)
    if csv_path is not None:
        write_csv(listing, csv_path)
    _fail(listing, summary, strict)


def with_unreadable(listing: Listing) -> Listing:
    """The listing after every frame and flow file was read once.

    What cannot be read moves from the tasks to the problems.
    """
    tasks, problems = [], []
    for task in Progress("reading", listing.tasks, unit="clip"):
        try:
            _read(task)
        except ValueError as error:
            problems.append(Problem(task.key, str(error)))
        else:
            tasks.append(task)
    return dataclasses.replace(listing, tasks=tuple(tasks), problems=(*listing.problems, *problems))


def summarise(listing: Listing) -> pd.DataFrame:
    """Counts by subject.

    Returns:
      One row a `database/subject` (and ELSEWHERE where needed), sorted; columns: clips
      of each class of the default scheme and without one, their sum `usable`, `unusable`
      (clips or rows with a fatal problem) and `reported` (those with a documented
      fall-back only).
    """
    clips = pd.DataFrame(
        [(_person(task.key), _class_of(task)) for task in listing.tasks],
        columns=["subject", "class"],
    )
    names = [*_SCHEME.fixed, _NO_CLASS]
    classes = pd.crosstab(clips["subject"], clips["class"]).reindex(columns=names)
    problems = problem_table(listing).groupby(["subject", "where"], as_index=False)["fatal"].any()
    usable = classes.fillna(0).sum(axis=1)
    columns = {
        **{name: classes[name] for name in names},
        "usable": usable,
        "unusable": problems[problems["fatal"]].groupby("subject").size(),
        "reported": problems[~problems["fatal"]].groupby("subject").size(),
    }
    return pd.DataFrame(columns).fillna(0).astype(int).sort_index().rename_axis("subject")


def problem_table(listing: Listing) -> pd.DataFrame:
    """Every problem as a row: subject, where, fatal, what."""
    rows = [(_person(p.where), p.where, p.fatal, p.what) for p in listing.problems]
    table = pd.DataFrame(rows, columns=["subject", "where", "fatal", "what"])
    return table.astype({"fatal": bool})


def write_csv(listing: Listing, path: pathlib.Path) -> None:
    """Writes `problem_table` to a file, whole or not at all."""
    files.write_table(path, problem_table(listing))


def _read(task: ClipTask) -> None:
    if isinstance(task.motion, FlowFile):
        flow_file.read(task.motion.path, _SMALL)
    else:
        task.motion.read()


def _class_of(task: ClipTask) -> str:
    return _SCHEME.class_of(task.labels.emotion, task.labels.database) or _NO_CLASS


def _person(where: str) -> str:
    """`database/subject` of a clip's or a subject's key, else ELSEWHERE."""
    match = _KEY.fullmatch(where)
    return match["person"] if match else ELSEWHERE


def _table(summary: pd.DataFrame) -> Table:
    table = Table(title="Clips by subject", show_footer=True)
    table.add_column(
        "subject", overflow="fold", footer=f"{(summary['usable'] > 0).sum()} with clips"
    )
    for name in summary:
        table.add_column(str(name), footer=str(summary[name].sum()), justify="right")
    for subject, counts in summary.iterrows():
        table.add_row(str(subject), *(str(count) for count in counts))
    return table


def _lines(listing: Listing, csv_path: pathlib.Path | None) -> Iterator[str]:
    """The problems of each subject, the fatal ones first, long lists cut short."""
    rest = f"all in {csv_path}" if csv_path else "a CSV file lists all"
    for subject, problems in problem_table(listing).groupby("subject"):
        yield f"{subject}:"
        ordered = problems.sort_values("fatal", ascending=False, kind="stable")
        for problem in ordered.head(_SHOWN).itertuples():
            verdict = "unusable" if problem.fatal else "reported"
            yield f"  {verdict}  {problem.where}: {problem.what}"
        if len(problems) > _SHOWN:
            yield f"  ... and {len(problems) - _SHOWN} more ({rest})"


def _print(console: Console, line: str) -> None:
    """Plain text: brackets are no markup, and a line can be searched for as a whole."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _fail(listing: Listing, summary: pd.DataFrame, strict: bool) -> None:
    unusable, reported = summary["unusable"].sum(), summary["reported"].sum()
    if unusable:
        raise UserError(
            f"{unusable} of {unusable + len(listing.tasks)} clips cannot be used: "
            "mend what is listed above"
        )
    if not listing.tasks:
        raise UserError("there is no clip to build: see the notes above")
    if strict and reported:
        raise UserError(f"{reported} clips or subjects are reported above, and --strict is set")
