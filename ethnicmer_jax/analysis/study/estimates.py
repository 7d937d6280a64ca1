"""The numbers of a study's main result: arms, train x test matrix, differences, advantages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import pandas as pd

from ethnicmer_jax.analysis import effects, intervals, variance_factor
from ethnicmer_jax.analysis.advantage import Advantage, own_group_advantage
from ethnicmer_jax.analysis.intervals import Interval
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.analysis.variance_factor import Factor
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.contrast_roles import MAIN, PLACEBO
from ethnicmer_jax.base.run_id import STEREO, crossed, mono

BETWEEN_ARMS = "Between arms"
SAME_SUBJECTS = "Training sets, same test subjects"


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
        """`mono Asian minus stereo`."""
        return f"{labels.cell(self.first)} minus {labels.cell(self.second)}"

    def estimate(self, runs: StudyRuns, level: float = intervals.LEVEL) -> Interval:
        """The difference of UF1, with its interval and p value."""
        terms = [
            (sign, runs.counts(self.part, cell))
            for sign, cell in ((1.0, self.first), (-1.0, self.second))
        ]
        return intervals.estimate(
            terms, level=level, variance_factor=self.variance_factor(runs).value
        )

    def variance_factor(self, runs: StudyRuns) -> Factor:
        """What the variance of resampled tests is multiplied by.

        Between arms 1. Own less other training set on the same subjects is half of an own-group
        advantage; with models of a mixture as the other set its factor is the same.
        """
        if self.section != SAME_SUBJECTS:
            return Factor(1.0)
        tested = runs.counts(self.part, self.first).tested.any(axis=0).sum()
        return variance_factor.of(variance_factor.ONE_SIDE, runs.classifier, float(tested))


def planned(runs: StudyRuns, part: str = MAIN) -> list[Difference]:
    """Arm against arm, then training set against training set on the same test subjects."""
    a, b = runs.sides(part)
    between = [(mono(a), mono(b)), (mono(a), STEREO), (mono(b), STEREO)]
    same = [(mono(a), crossed(b, a)), (mono(b), crossed(a, b))]
    same += [(mono(side), crossed(STEREO, side)) for side in (a, b)]
    headed = [(BETWEEN_ARMS, pair) for pair in between]
    headed += [(SAME_SUBJECTS, pair) for pair in same]
    there = set(runs.cells(part))
    return [Difference(part, section, *pair) for section, pair in headed if set(pair) <= there]


def arms(runs: StudyRuns) -> pd.DataFrame:
    """UF1 of every cell of every contrast or job.

    Returns:
      Columns section (the contrast), label (the cell), part, cell, estimate, low, high, sd
      (over runs), n_runs, n_subjects, n_clips (distinct persons, clips per run).
    """
    return pd.DataFrame(
        _cell_row(runs, part, cell) for part in runs.parts for cell in runs.cells(part)
    )


def _cell_row(runs: StudyRuns, part: str, cell: str) -> dict:
    counts = runs.counts(part, cell)
    interval = intervals.estimate([(1.0, counts)])
    table = runs.table[runs.rows(part, cell)]
    return {
        "section": labels.contrast(part),
        "label": labels.cell(cell),
        "part": part,
        "cell": cell,
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "sd": table["uf1"].std(ddof=1),
        "uar": table["uar"].mean(),
        "n_runs": len(table),
        "n_subjects": interval.n_persons,
        "n_clips": table["clips"].mean(),
    }


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
        part: own_group_advantage(runs.select(part), part, classifier=runs.classifier)
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


def _numbers(estimate: Interval) -> dict:
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
    """One row per contrast but the placebo, in the columns of `differences`."""
    for part, advantage in found.items():
        if part != PLACEBO:
            about = {"section": "Own-group advantage", "label": labels.contrast(part)}
            yield about | _numbers(advantage)
