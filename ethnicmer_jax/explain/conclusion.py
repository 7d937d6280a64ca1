"""What may be said of maps, in sentences: checks first, groups after them.

Two quantities differ where their intervals do not overlap. Where they do, or one is
undefined, they are "not shown to differ", which never means that they are equal.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis.conclusion import Difference
from ethnicmer_jax.base import labels
from ethnicmer_jax.explain.findings import ALL, MOTION, Findings
from ethnicmer_jax.explain.folds import MapName
from ethnicmer_jax.explain.sanity import LABELS, RANDOM, TRAINED
from ethnicmer_jax.report.explained import METHODS

ALPHA = 0.05

_OTHERS = {RANDOM: "networks with random weights", LABELS: "networks trained on shuffled emotions"}


def difference(first: pd.Series, second: pd.Series) -> Difference:
    """What the intervals show of the first quantity against the second.

    Args:
      first: low and high; NaN where undefined.
      second: the same.
    """
    # Comparisons with NaN are False: an undefined interval shows nothing.
    if first.low > second.high:
        return Difference.HIGHER
    if first.high < second.low:
        return Difference.LOWER
    return Difference.NOT_SHOWN


def conclusion(findings: Findings, name: MapName) -> list[str]:
    """A few sentences on one map: is it worth anything, and do groups differ."""
    return [
        *peak(findings, name),
        *resemblance(findings, name),
        *other_methods(findings, name),
        *agreement(findings, name),
        *groups(findings, name),
    ]


_AGAINST_RANDOM = {
    Difference.HIGHER: "less often, so where the peak lies depends on what was learnt",
    Difference.LOWER: "more often, so training moved the peak away from what moves",
    Difference.NOT_SHOWN: "which is not shown to differ, so the peak is no evidence of what was "
    "learnt",
}
"""What the rate of the trained network is against that of random ones."""


def peak(findings: Findings, name: MapName) -> list[str]:
    """Whether the map follows what moves, and whether that was learnt."""
    rates = _rows(findings.peaks, name).set_index("weights")
    trained, method = rates.loc[TRAINED], METHODS[name[0]]
    text = (
        f"The peak of the {method} map lies where the face moves in {_percent(trained)} of "
        f"{trained.n_clips} clips; {labels.percent(trained.chance)} would by chance."
    )
    if RANDOM not in rates.index:
        return [text]
    random = rates.loc[RANDOM]
    verdict = _AGAINST_RANDOM[difference(trained, random)]
    return [f"{text} With random weights it does in {_percent(random)}, {verdict}."]


def resemblance(findings: Findings, name: MapName) -> list[str]:
    """How much of the map a network shows that learnt nothing of emotions."""
    return [
        f"Maps of {_OTHERS[row.weights]} resemble it: rank correlation {_correlation(row)} over "
        f"{row.n_clips} clips. To that extent it shows the input and the recipe, not what the "
        "emotions taught."
        for _, row in _rows(findings.similarity, name).iterrows()
        if row.low > 0
    ]


def other_methods(findings: Findings, name: MapName) -> list[str]:
    """Other kinds of maps of the same head that are not shown to find more than a random one."""
    peaks, view = findings.peaks, name[1]
    same = peaks[(peaks["head"] == view.head) & (peaks.branch == view.branch)]
    by_weights = {weights: rows.set_index("method") for weights, rows in same.groupby("weights")}
    if RANDOM not in by_weights:
        return []
    trained, random = by_weights[TRAINED], by_weights[RANDOM]
    failing = [
        METHODS[method]
        for method in sorted(trained.index)
        if method != name[0]
        and difference(trained.loc[method], random.loc[method]) is not Difference.HIGHER
    ]
    if not failing:
        return []
    return [
        f"{' and '.join(failing)}: the peak is not shown to lie there more often than with "
        "random weights, so these maps are no evidence of what this network learnt."
    ]


def agreement(findings: Findings, name: MapName) -> list[str]:
    """Whether a perturbation of the image tells the same."""
    rows = _rows(findings.agreement, name)
    if rows.empty:
        return []
    row = rows.iloc[0]
    if np.isnan(row.correlation):
        return ["No clip has both this map and one by occlusion: nothing can be said of agreement."]
    verb = "is not shown to agree with it"
    if row.low > 0:
        verb = "agrees with it"
    elif row.high < 0:
        verb = "contradicts it"
    return [f"Occlusion, which uses no gradient, {verb}: rank correlation {_correlation(row)}."]


def groups(findings: Findings, name: MapName) -> list[str]:
    """Which regions differ between the groups, held against the motion itself."""
    if findings.tests.empty:
        return ["Groups are not compared: the explained clips are not of two groups."]
    a, b = map(labels.group, findings.groups)
    of_map, of_motion = (_tested(findings.tests, tested) for tested in (name, MOTION))
    if of_map.p_unrestricted.isna().all():
        return [f"Too few subjects to compare {a} and {b}."]
    if of_map.p_within.isna().all():
        return [
            f"No database has subjects of both {a} and {b}: differences between their maps "
            "cannot be told from differences between databases."
        ]
    differing = _differing(of_map)
    if not differing:
        return [
            f"No region of the face is shown to have another share of the map in {a} than in {b} "
            "within databases after Holm's correction; at this number of subjects that is no "
            "evidence of equality."
        ]
    within = "within databases after Holm's correction"
    moving = _differing(of_motion)
    motion = (
        f"The motion of the clips itself differs on {moving}, {within}."
        if moving
        else "The motion of the clips itself is not shown to differ on any region, which is no "
        "evidence that the maps differ beyond it."
    )
    return [
        f"The share of the map on {differing} differs between {a} and {b}, {within}.",
        motion,
    ]


def _differing(tests: pd.DataFrame) -> str:
    """The regions that differ, with their differences; "" for none."""
    rows = tests[tests.p_within_holm <= ALPHA]
    return ", ".join(f"{row.region} ({labels.signed(row.difference)})" for row in rows.itertuples())


def _tested(tests: pd.DataFrame, name: MapName) -> pd.DataFrame:
    rows = _rows(tests, name)
    return rows[rows.emotion == ALL]


def _rows(frame: pd.DataFrame, name: MapName) -> pd.DataFrame:
    if frame.empty:
        return frame
    method, view = name
    same = (frame.method == method) & (frame["head"] == view.head) & (frame.branch == view.branch)
    return frame[same]


def _percent(row: pd.Series) -> str:
    if not np.isfinite(row.low):
        return f"{labels.percent(row.rate)} (interval undefined)"
    rate, low, high = map(labels.percent, (row.rate, row.low, row.high))
    return f"{rate} [{low}, {high}]"


def _correlation(row: pd.Series) -> str:
    if not np.isfinite(row.low):
        return f"{labels.score(row.correlation, 2)} (interval undefined)"
    return labels.estimate(row.correlation, row.low, row.high, 2)
