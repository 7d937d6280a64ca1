"""What a study's controls measured, and which of them its differences survive."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from ethnicmer_jax.analysis import conclusion, intervals, meta_analysis
from ethnicmer_jax.analysis.advantage import Advantage
from ethnicmer_jax.analysis.conclusion import Control, HasInterval, Range
from ethnicmer_jax.analysis.intervals import Interval
from ethnicmer_jax.analysis.study.estimates import Difference
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.base import files, labels
from ethnicmer_jax.base.contrast_roles import FLIPPED, MAIN, PLACEBO, Role, role
from ethnicmer_jax.base.run_id import STEREO, WRONG_LABELS, mono, wrongly_told
from ethnicmer_jax.base.schema import UserError


def within(parts: Sequence[str]) -> list[str]:
    """The contrasts that compare the main groups inside one database."""
    return [part for part in parts if role(part) is Role.WITHIN]


def sensitivity(parts: Sequence[str]) -> list[str]:
    """The contrasts that change who belongs to which group; errors of the annotator first."""
    changed = [part for part in parts if role(part) is Role.SENSITIVITY]
    return sorted(changed, key=lambda part: part != FLIPPED)


def of_advantage(found: Mapping[str, Advantage]) -> list[Control]:
    """What the own-group advantage has to survive."""
    observed = found[MAIN]
    made = _within_databases(observed, {name: found[name] for name in within(list(found))})
    if PLACEBO in found:
        made.append(
            conclusion.placebo("placebo groups", observed.estimate, found[PLACEBO].per_draw)
        )
    return made + [_sensitive(name, observed, found[name]) for name in sensitivity(list(found))]


def of_arms(runs: StudyRuns, difference: Difference, level: float) -> list[Control]:
    """What a difference between two arms has to survive: the same in every contrast that has it."""
    observed = difference.estimate(runs, level)
    cells = {difference.first, difference.second}

    def same(parts: Sequence[str]) -> dict[str, Interval]:
        there = [part for part in parts if cells <= set(runs.cells(part))]
        return {p: dataclasses.replace(difference, part=p).estimate(runs, level) for p in there}

    made = _within_databases(observed, same(within(runs.parts)))
    if runs.has(PLACEBO) and STEREO not in cells:
        null = placebo_arms(runs)
        made.append(conclusion.placebo("placebo groups", observed.estimate, null))
    changed = same(sensitivity(runs.parts))
    return made + [_sensitive(part, observed, found) for part, found in changed.items()]


def placebo_arms(runs: StudyRuns) -> Float[np.ndarray, " draws"]:
    """UF1 of the first placebo side minus that of the second, in each draw."""
    first, second = map(mono, runs.sides(PLACEBO))
    return (runs.values(PLACEBO, first) - runs.values(PLACEBO, second)).to_numpy()


def label_differences(runs: StudyRuns) -> pd.DataFrame:
    """UF1 with the annotated ethnicity minus UF1 with a made-up one, of label-conditioned models.

    Returns:
      Columns section, label, estimate, low, high, p; empty where no such model was run.
    """
    rows = []
    for model, wrong in itertools.product(runs.parts, WRONG_LABELS):
        if (told_wrong := wrongly_told(model, wrong)) in runs.parts:
            terms = [(1.0, runs.counts(model)), (-1.0, runs.counts(told_wrong))]
            found = intervals.estimate(terms)
            numbers = {key: getattr(found, key) for key in ("estimate", "low", "high")}
            label = f"{labels.contrast(model)}: annotated minus {wrong}"
            rows.append({"section": _LABEL_SECTION, "label": label, **numbers, "p": found.p_value})
    return pd.DataFrame(rows, columns=["section", "label", "estimate", "low", "high", "p"])


_LABEL_SECTION = "Annotated ethnicity minus another"


def database_baseline(path: pathlib.Path) -> str | None:
    """How well the database itself is told from a clip, in a sentence; None without the file.

    Args:
      path: JSON with balanced_accuracy, low, high (shares) and n_subjects.

    Raises:
      UserError: the file is something else.
    """
    if not path.is_file():
        return None
    try:
        found = files.read_json(path)
        share, low, high = (float(found[key]) for key in ("balanced_accuracy", "low", "high"))
        subjects = int(found["n_subjects"])
    except (ValueError, TypeError, KeyError):
        raise UserError(
            f"{path} must hold balanced_accuracy, low, high and n_subjects; make it again"
        ) from None
    shown, *bounds = (labels.percent(value, 1) for value in (share, low, high))
    return (
        f"Which database a clip is from is told from its motion with a balanced accuracy of "
        f"{shown} [{', '.join(bounds)}] ({subjects} subjects, none in training and test): "
        "the higher, the more a difference between groups can be one between databases."
    )


def _within_databases(observed: HasInterval, inside: Mapping[str, Interval]) -> list[Control]:
    """Databases count together: each alone has few subjects."""
    if not inside:
        return []
    measured: HasInterval
    if len(inside) == 1:
        ((part, measured),) = inside.items()
        name, more = labels.contrast(part), ""
    else:
        name = "within databases"
        measured = meta_analysis.pooled(inside) or Range(np.nan, np.nan, np.nan)
        each = ", ".join(
            f"{labels.contrast(part)} {labels.signed(one.estimate)}" for part, one in inside.items()
        )
        more = f" on average ({each})"
    return [conclusion.replication(name, observed, measured, more=more, separates_database=True)]


def _sensitive(part: str, observed: HasInterval, changed: HasInterval) -> Control:
    return conclusion.replication(labels.contrast(part), observed, changed)
