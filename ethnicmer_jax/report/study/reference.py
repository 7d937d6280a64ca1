"""The reference's own comparison (one draw, one seed) beside that of the study."""

from __future__ import annotations

import dataclasses

import pandas as pd

from ethnicmer_jax.analysis import contrast
from ethnicmer_jax.analysis.conclusion import interval_text
from ethnicmer_jax.analysis.study.estimates import n_persons, planned
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.base.contrast_roles import MAIN, REFERENCE
from ethnicmer_jax.report.document import Prose, Section
from ethnicmer_jax.report.tables import Column, Table


def section(runs: StudyRuns) -> Section | None:
    """Arms and differences of both; None where the reference's draw was not run."""
    if not runs.has(REFERENCE):
        return None
    cells = [cell for cell in runs.cells(REFERENCE) if cell in runs.cells(MAIN)]
    return Section(
        "reference",
        "The reference's own comparison",
        [Prose([_EXPLAINED]), _arms(runs, cells), _differences(runs)],
    )


_EXPLAINED = (
    "Khor et al. (2025) compare one draw of subjects with one seed; their arms differ in class "
    "mix and in database. Here is that draw, trained as everything else here, beside our "
    "matched draws. Its intervals say what one draw of so few subjects can tell."
)


def _arms(runs: StudyRuns, cells: list[str]) -> Table:
    rows = [
        {"draws": name, **_arm(runs, part, cell)}
        for name, part in (("the reference's", REFERENCE), ("ours", MAIN))
        for cell in cells
    ]
    return Table(
        "reference_arms",
        "Arms of the reference's draw and of ours: pooled UF1 with 95% intervals from resampling "
        "subjects.",
        pd.DataFrame(rows),
        (
            Column("Arm", "{cell}", False),
            Column("Draws", "{draws} ({n_runs:,})", False),
            Column("Subjects a run", "{subjects:.1f}"),
            Column("Clips a run", "{clips:.1f}"),
            Column("Largest class", "{largest_class:.0%}"),
            Column("UF1 [95% interval]", "{estimate:.3f} [{low:.3f}, {high:.3f}]"),
        ),
    )


def _arm(runs: StudyRuns, part: str, cell: str) -> dict:
    counts = runs.counts(part, cell)
    interval = contrast.estimate([(1.0, counts)])
    by_class = counts.counts.sum(axis=(0, 1, 3))
    tested = counts.counts.any(axis=(2, 3)).sum(axis=1)
    return {
        "cell": cell,
        "n_runs": len(counts.counts),
        "n_subjects": n_persons(counts),
        "subjects": tested.mean(),
        "clips": counts.counts.sum() / len(counts.counts),
        "largest_class": by_class.max() / by_class.sum(),
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
    }


def _differences(runs: StudyRuns) -> Table:
    rows = []
    for one in planned(runs, REFERENCE):
        ours = dataclasses.replace(one, part=MAIN)
        row = {"label": one.label}
        for name, difference in (("reference", one), ("ours", ours)):
            found = difference.estimate(runs)
            row |= {name: interval_text(found), f"{name}_estimate": found.estimate,
                    f"{name}_low": found.low, f"{name}_high": found.high}  # fmt: skip
        rows.append(row)
    return Table(
        "reference_differences",
        "Differences of pooled UF1 between arms, in the reference's draw and in ours, with 95% "
        "intervals from resampling subjects.",
        pd.DataFrame(rows),
        (
            Column("Difference", "{label}", False),
            Column("The reference's draw", "{reference}"),
            Column("Ours", "{ours}"),
        ),
    )
