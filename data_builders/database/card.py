"""The dataset card: who and what is in a database, and what it must not be used for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import pandas as pd

from data_builders.sources.base import ClipTask, Film, GivenFlow
from ethnicmer_jax.base import markdown
from ethnicmer_jax.base.schema import EMOTIONS, UNKNOWN

FILE_NAME = "CARD.md"


@dataclasses.dataclass(frozen=True)
class BuildReport:
    """What a build has to tell about its database.

    Attributes:
      name: name of the database in its data directory.
      fingerprint: of everything the database depends on.
      tasks: the clips it holds.
      options: how they were computed.
      notes: what is worth knowing.
      reported: what deserves a look in clips that are in it, one line each.
      left_out: why each unusable clip is not in it, one line each.
    """

    name: str
    fingerprint: str
    tasks: Sequence[ClipTask]
    options: Mapping[str, Any]
    notes: Sequence[str] = ()
    reported: Sequence[str] = ()
    left_out: Sequence[str] = ()


def render(report: BuildReport) -> str:
    """The card as Markdown; equal reports give equal text."""
    clips = pd.DataFrame([_row(task) for task in report.tasks])
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("data_builders"),
        undefined=jinja2.StrictUndefined,
        finalize=_cell,
    )
    return environment.get_template("card.md.j2").render(
        **{field.name: getattr(report, field.name) for field in dataclasses.fields(report)},
        n_clips=len(clips),
        n_subjects=clips["person"].nunique(),
        emotions=[name for name in EMOTIONS if name in set(clips["emotion"])],
        databases=_databases(clips),
        groups=_groups(clips),
        confounded=_confounded(clips),
    )


def _cell(value: Any) -> str:
    """A value as text, never as markup."""
    return markdown.escape(str(value))


def _row(task: ClipTask) -> dict[str, Any]:
    return {
        "database": task.labels.database,
        "person": task.labels.person,
        "ethnicity": task.labels.ethnicity,
        "emotion": task.labels.emotion,
        "source": task.labels.ethnicity_source or "nobody",
        "frames": not isinstance(task.motion, GivenFlow),
        "found_apex": isinstance(task.motion, Film),
        "action_units": bool(task.labels.action_units),
    }


def _databases(clips: pd.DataFrame) -> list[dict[str, Any]]:
    counts = clips.groupby("database").agg(
        subjects=("person", "nunique"),
        clips=("person", "size"),
        frames=("frames", "sum"),
        found_apex=("found_apex", "sum"),
        action_units=("action_units", "sum"),
    )
    return counts.reset_index().to_dict("records")


def _groups(clips: pd.DataFrame) -> list[dict[str, Any]]:
    by_group = clips.groupby(["database", "ethnicity"])
    counts = by_group.agg(
        subjects=("person", "nunique"),
        clips=("person", "size"),
        labelled_by=("source", lambda sources: ", ".join(sorted(set(sources)))),
    )
    emotions = pd.crosstab([clips["database"], clips["ethnicity"]], clips["emotion"])
    return counts.join(emotions).reset_index().to_dict("records")


def _confounded(clips: pd.DataFrame) -> list[str]:
    """Ethnicities seen in one database only, where there are several databases."""
    if clips["database"].nunique() == 1:
        return []
    known = clips[clips["ethnicity"] != UNKNOWN]
    databases = known.groupby("ethnicity")["database"].nunique()
    return sorted(databases[databases == 1].index)
