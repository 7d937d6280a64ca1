"""The reference's own comparison (one draw, one seed) beside that of the study."""

from __future__ import annotations

import dataclasses

import pandas as pd

from ethnicmer_jax.analysis import intervals
from ethnicmer_jax.analysis.conclusion import interval_text
from ethnicmer_jax.analysis.study.estimates import planned
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.base.contrast_roles import MAIN, REFERENCE

_SOURCES = (("the reference's", REFERENCE), ("ours", MAIN))


@dataclasses.dataclass(frozen=True)
class Reference:
    """Both comparisons.

    Attributes:
      arms: columns draws, cell, n_runs, n_subjects, subjects and clips (per run),
        largest_class (share of the clips), estimate, low, high.
      differences: columns label, and for `reference` and `ours` the interval as text,
        <name>_estimate, <name>_low and <name>_high.
    """

    arms: pd.DataFrame
    differences: pd.DataFrame


def analyse(runs: StudyRuns) -> Reference | None:
    """Arms and differences of both; None where the reference's draw was not run."""
    if not runs.has(REFERENCE):
        return None
    cells = [cell for cell in runs.cells(REFERENCE) if cell in runs.cells(MAIN)]
    arms = [{"draws": name, **_arm(runs, part, cell)} for name, part in _SOURCES for cell in cells]
    return Reference(pd.DataFrame(arms), _differences(runs))


def _arm(runs: StudyRuns, part: str, cell: str) -> dict[str, object]:
    counts = runs.counts(part, cell)
    interval = intervals.estimate([(1.0, counts)])
    by_class = counts.pooled.sum(axis=(0, 2))
    return {
        "cell": cell,
        "n_runs": len(counts.runs),
        "n_subjects": interval.n_persons,
        "subjects": counts.tested.sum(axis=1).mean(),
        "clips": counts.pooled.sum() / len(counts.runs),
        "largest_class": by_class.max() / by_class.sum(),
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
    }


def _differences(runs: StudyRuns) -> pd.DataFrame:
    rows = []
    for planned_there in planned(runs, REFERENCE):
        row: dict[str, object] = {"label": planned_there.label}
        for name, part in (("reference", REFERENCE), ("ours", MAIN)):
            interval = dataclasses.replace(planned_there, part=part).estimate(runs)
            row |= {
                name: interval_text(interval),
                f"{name}_estimate": interval.estimate,
                f"{name}_low": interval.low,
                f"{name}_high": interval.high,
            }
        rows.append(row)
    return pd.DataFrame(rows)
