"""Finds what is missing in a user's folder, before anything is computed (`--check`).

Counts by subject, and every problem as a CSV table for scripts; `check_screen` prints both.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re

import pandas as pd

from data_builders.sources.base import ClipTask, Film, GivenFlow, Listing, Problem
from ethnicmer_jax.base import class_schemes, files
from ethnicmer_jax.base.progress import Progress

ELSEWHERE = "(no subject)"
"""Stands for the subject of problems with a file or a row as a whole."""

_KEY = re.compile(r"(?P<person>[\w-]+/[^/]+)(?:/[^/]+)?")
_SMALL = 8

_SCHEME = class_schemes.parse(class_schemes.DEFAULT)
_NO_CLASS = "no class"


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
    if isinstance(task.motion, GivenFlow):
        task.motion.flow(_SMALL, "none")
    elif isinstance(task.motion, Film):
        for _ in task.motion.frames():
            pass
    else:
        task.motion.read()


def _class_of(task: ClipTask) -> str:
    return _SCHEME.class_of(task.labels.emotion, task.labels.database) or _NO_CLASS


def _person(where: str) -> str:
    """`database/subject` of a clip's or a subject's key, else ELSEWHERE."""
    match = _KEY.fullmatch(where)
    return match["person"] if match else ELSEWHERE
