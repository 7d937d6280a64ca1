"""Groups in the pooled LOSO: the same model tests everybody, so groups differ in nothing else."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import (
    confusion,
    correctness,
    effects,
    intervals,
    metrics,
    permutation,
    results,
)
from ethnicmer_jax.analysis.conclusion import interval_text
from ethnicmer_jax.analysis.correctness import GroupEffect
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.analysis.intervals import Interval
from ethnicmer_jax.analysis.permutation import PermutationTest
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.run_id import POOLED


@dataclasses.dataclass(frozen=True)
class Groups:
    """What the pooled LOSO says about two groups.

    Attributes:
      names: first minus second, throughout.
      difference: of UF1, subjects resampled.
      within_database: the permutation test of that difference within databases.
      model: log odds of recognition, class and database held constant (GEE).
      recognised: share of each group's clips recognised, mean over runs.
      cohen_h: effect size of these two shares.
      odds_ratio: of the same, clips taken as independent.
      scores: columns group, n_subjects, n_clips and each score with its <score>_low and
        <score>_high.
      classes: `results.class_scores` of the groups.
      gaps: columns gap, value, worst_group: mean over runs of `metrics.fairness_gaps`.
    """

    names: tuple[str, str]
    difference: Interval
    within_database: PermutationTest
    model: GroupEffect
    recognised: tuple[float, float]
    cohen_h: float
    odds_ratio: effects.OddsRatio
    scores: pd.DataFrame
    classes: pd.DataFrame
    gaps: pd.DataFrame

    @property
    def pair(self) -> str:
        """`Asian minus Non-Asian`."""
        return " minus ".join(map(labels.group, self.names))


def analyse(runs: StudyRuns, members: dict[str, str], names: tuple[str, str]) -> Groups | None:
    """Compares two groups in the pooled LOSO runs.

    Args:
      runs: of the study.
      members: ethnicity -> group.
      names: the two groups.

    Returns:
      None where there is no such run, or a group has nobody in it.
    """
    if POOLED not in runs.parts:
        return None
    predictions = runs.select(POOLED)
    group = metrics.group_labels(predictions, members)
    if not set(names) <= set(group):
        return None
    sides = [predictions.select(group == name) for name in names]
    hits, totals = zip(*map(_recognised, sides), strict=True)
    shares = tuple(hit / total for hit, total in zip(hits, totals, strict=True))
    classes = results.class_scores(predictions, group)
    return Groups(
        names=names,
        difference=intervals.difference(Counts.of(sides[0]), Counts.of(sides[1])),
        within_database=permutation.group_difference(predictions, group, names),
        model=correctness.group_effect(predictions, group, names),
        recognised=shares,
        cohen_h=effects.cohen_h(*shares),
        odds_ratio=effects.odds_ratio(hits, totals),
        scores=pd.DataFrame(_scores(n, s) for n, s in zip(names, sides, strict=True)),
        classes=classes[classes["part"].isin(names)],
        gaps=_gaps(predictions, members),
    )


def tests(groups: Groups) -> Iterator[tuple[str, str, float]]:
    """(test, what it measured, p) of the pooled comparison."""
    pair = groups.pair
    test = groups.within_database
    yield (
        f"{pair}, pooled LOSO: subjects permuted within database",
        _permuted(test, groups.difference),
        test.p_value,
    )
    model = groups.model
    yield (
        f"{pair}, pooled LOSO: recognition by group, class and database (GEE)",
        model.problem or odds_ratio_text(*model.odds_ratio),
        model.p_value,
    )


def odds_ratio_text(estimate: float, low: float, high: float) -> str:
    """`odds ratio 0.85 [0.40, 1.81]`."""
    shown, *bounds = (labels.decimal(value) for value in (estimate, low, high))
    return f"odds ratio {shown} [{', '.join(bounds)}]"


def _permuted(test: PermutationTest, difference: Interval) -> str:
    if not test.separable:
        return "not separable from database: nobody can change groups"
    measured = interval_text(difference)
    moved = f"UF1 {measured}; {test.n_informative} subjects can change groups"
    if test.possible:
        return moved
    return f"{moved}, in too few ways for p to reach .05: not run"


def _recognised(side: Predictions) -> tuple[float, int]:
    """Clips recognised (summed over clips: the share of runs that did) and clips."""
    hit = side.predicted == side.emotion_index
    share = pd.Series(hit).groupby(side.key).mean()
    return float(share.sum()), len(share)


def _scores(name: str, side: Predictions) -> dict:
    row = {"group": name, "n_subjects": len(side.persons), "n_clips": len(set(side.key))}
    for score, found in intervals.score_intervals(Counts.of(side)).items():
        row |= {score: found.estimate, f"{score}_low": found.low, f"{score}_high": found.high}
    return row


def _gaps(predictions: Predictions, members: dict[str, str]) -> pd.DataFrame:
    """Mean over runs; the worst group is that of most runs."""
    by_run = [run["gaps"] for run in metrics.by_run(predictions, members).values()]
    rows = []
    for name in by_run[0]["equalised_odds"]:
        label = "largest of all classes" if name == "max" else name
        values = [run["equalised_odds"][name] for run in by_run]
        rows.append({"gap": f"Equalised odds, {label}", "value": _mean(values), "worst_group": ""})
    for score, title in confusion.LABELS.items():
        worst = pd.Series([run[score]["worst_group"] for run in by_run]).mode()
        value = _mean([run[score]["gap"] for run in by_run])
        rows.append({"gap": f"{title}, best minus worst group", "value": value,
                     "worst_group": worst.iloc[0] if len(worst) else ""})  # fmt: skip
    return pd.DataFrame(rows)


def _mean(values: list[float | None]) -> float:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else math.nan
