"""The numbers of a study's main result: arms, train x test matrix, differences, advantages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import contrast, effects
from ethnicmer_jax.analysis.advantage import Advantage, own_group_advantage
from ethnicmer_jax.analysis.contrast import Contrast
from ethnicmer_jax.analysis.counts import SubjectCounts
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.base.contrast_roles import DATABASE, FLIPPED, MAIN, PLACEBO
from ethnicmer_jax.base.run_id import STEREO, crossed, mono


@dataclasses.dataclass(frozen=True)
class Difference:
    """A planned difference between two cells of one contrast.

    Attributes:
      part: the contrast.
      section: heading that it stands under.
      first, second: the cells; first minus second.
    """

    part: str
    section: str
    first: str
    second: str

    @property
    def label(self) -> str:
        """`mono_asian minus stereo`."""
        return f"{self.first} minus {self.second}"

    def estimate(self, runs: StudyRuns, level: float = 0.95) -> Contrast:
        """The difference of UF1, with its interval and p value."""
        terms = [
            (sign, runs.counts(self.part, cell))
            for sign, cell in ((1.0, self.first), (-1.0, self.second))
        ]
        return contrast.estimate(terms, level=level)


def planned(runs: StudyRuns, part: str = MAIN) -> list[Difference]:
    """Arm against arm, then training set against training set on the same test subjects."""
    a, b = runs.sides(part)
    between = [(mono(a), mono(b)), (mono(a), STEREO), (mono(b), STEREO)]
    same = [(mono(a), crossed(b, a)), (mono(b), crossed(a, b))]
    same += [(mono(side), crossed(STEREO, side)) for side in (a, b)]
    headed = [("Between arms", pair) for pair in between]
    headed += [("Training sets, same test subjects", pair) for pair in same]
    there = set(runs.cells(part))
    return [Difference(part, section, *pair) for section, pair in headed if set(pair) <= there]


def arms(runs: StudyRuns) -> pd.DataFrame:
    """UF1 of every cell of every contrast or job.

    Returns:
      Columns section (the contrast), label (the cell), part, cell, estimate, low, high, sd
      (over runs), n_runs, n_subjects, n_clips (distinct persons, clips a run).
    """
    return pd.DataFrame(
        _cell_row(runs, part, cell) for part in runs.parts for cell in runs.cells(part)
    )


def _cell_row(runs: StudyRuns, part: str, cell: str) -> dict:
    counts = runs.counts(part, cell)
    interval = contrast.estimate([(1.0, counts)])
    table = runs.table[runs.rows(part, cell)]
    return {
        "section": part_name(part),
        "label": cell,
        "part": part,
        "cell": cell,
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "sd": table["uf1"].std(ddof=1),
        "uar": table["uar"].mean(),
        "n_runs": len(table),
        "n_subjects": n_persons(counts),
        "n_clips": table["clips"].mean(),
    }


def n_persons(counts: SubjectCounts) -> int:
    """Persons whom any of the runs tested."""
    return int(counts.counts.any(axis=(0, 2, 3)).sum())


def matrix(cells: pd.DataFrame, sides: Sequence[str]) -> pd.DataFrame:
    """The train x test matrix of one contrast.

    Args:
      cells: the rows of `arms` of that contrast.
      sides: its two sides.

    Returns:
      Columns train, test, estimate, low, high; cells that were not run are left out.
    """
    by_cell = cells.set_index("cell")
    rows = []
    for train in (*sides, STEREO):
        for test in sides:
            cell = mono(test) if train == test else crossed(train, test)
            if cell in by_cell.index:
                row = by_cell.loc[cell]
                numbers = {key: row[key] for key in ("estimate", "low", "high")}
                rows.append({"train": train, "test": test, **numbers})
    return pd.DataFrame(rows, columns=["train", "test", "estimate", "low", "high"])


def advantages(runs: StudyRuns) -> dict[str, Advantage]:
    """The own-group advantage of every contrast that has what it takes."""
    return {
        part: own_group_advantage(runs.select(part), part)
        for part in runs.parts
        if runs.crossed(part)
    }


def differences(runs: StudyRuns, of: Sequence[Difference]) -> pd.DataFrame:
    """Estimates of planned differences; p values are corrected by Holm's method over them.

    Returns:
      Columns section, label, estimate, low, high, design, n_subjects, p, p_holm, detectable.
    """
    frame = pd.DataFrame(
        {"section": one.section, "label": one.label, **_numbers(one.estimate(runs))} for one in of
    )
    return frame.assign(p_holm=effects.holm(frame["p"])["p_holm"]) if len(frame) else frame


def _numbers(estimate: Contrast) -> dict:
    return {
        "estimate": estimate.estimate,
        "low": estimate.low,
        "high": estimate.high,
        "design": estimate.design,
        "n_subjects": estimate.n_persons,
        "p": estimate.p_value,
        "detectable": estimate.detectable,
    }


def advantage_rows(found: dict[str, Advantage]) -> Iterator[dict]:
    """One row a contrast, in the columns of `differences`; the placebo's is no estimate of one."""
    for part, advantage in found.items():
        if part != PLACEBO:
            yield {
                "section": "Own-group advantage",
                "label": part_name(part),
                "estimate": advantage.estimate,
                "low": advantage.low,
                "high": advantage.high,
                "design": advantage.design,
                "n_subjects": advantage.n_persons,
                "p": advantage.p_value,
                "detectable": detectable(advantage),
            }


def detectable(advantage: Advantage) -> float:
    """The smallest true advantage found with 80% power; NaN where there is no interval."""
    if not np.isfinite(advantage.standard_error):
        return float("nan")
    alpha = 1 - advantage.level
    return effects.minimum_detectable(advantage.standard_error, alpha=alpha, df=advantage.df)


def part_name(part: str) -> str:
    """A contrast or job as the reader should see it."""
    known = {MAIN: "ethnic groups", DATABASE: "databases as groups", "": "other runs"}
    known |= {FLIPPED: "labels with errors", PLACEBO: "placebo groups"}
    return known.get(part, part.replace("_", " "))
