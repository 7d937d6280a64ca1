"""What may be said of maps, in sentences: checks first, groups after them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ethnicmer_jax.explain.findings import ALL, MOTION, Findings
from ethnicmer_jax.explain.folds import MapName
from ethnicmer_jax.explain.sanity import LABELS, RANDOM
from ethnicmer_jax.report.explained import METHODS

ALPHA = 0.05


def conclusion(findings: Findings, name: MapName) -> list[str]:
    """A few sentences on one map: is it worth anything, and do groups differ."""
    return [
        *peak(findings, name),
        *resemblance(findings, name),
        *failing(findings, name),
        *agreement(findings, name),
        *groups(findings, name),
    ]


def peak(findings: Findings, name: MapName) -> list[str]:
    """Whether the map follows what moves, and whether that was learnt."""
    of = _rows(findings.peaks, name).set_index("weights")
    trained, method = of.loc["trained"], METHODS[name[0]]
    text = (
        f"The peak of the {method} map lies where the face moves in {_percent(trained)} of "
        f"{trained.n_clips} clips; {trained.chance:.0%} would by chance."
    )
    if RANDOM not in of.index:
        return [text]
    random = of.loc[RANDOM]
    learnt = trained.low > random.high
    verdict = (
        "so the peak depends on what was learnt"
        if learnt
        else "so the peak shows the input at least as much as what was learnt"
    )
    return [f"{text} With random weights it does in {_percent(random)}, {verdict}."]


def resemblance(findings: Findings, name: MapName) -> list[str]:
    """How much of the map a network shows that learnt nothing of emotions."""
    rows = _rows(findings.similarity, name)
    return [
        f"Maps of {_OTHERS[row.weights]} resemble it: rank correlation {row.correlation:.2f} "
        f"[{row.low:.2f}, {row.high:.2f}] over {row.n_clips} clips. To that extent it shows the "
        "input and the recipe, not what the emotions taught."
        for row in rows.itertuples()
        if row.low > 0
    ]


_OTHERS = {RANDOM: "networks with random weights", LABELS: "networks trained on shuffled emotions"}


def failing(findings: Findings, name: MapName) -> list[str]:
    """Other kinds of maps of the same head that do not tell the network from a random one."""
    peaks = findings.peaks
    same = peaks[(peaks["head"] == name[1].head) & (peaks.branch == name[1].branch)]
    rates = same.pivot_table("rate", "method", "weights")
    if RANDOM not in rates:
        return []
    failed = rates[rates["trained"] <= rates[RANDOM]].index
    named = " and ".join(METHODS[method] for method in failed if method != name[0])
    if not named:
        return []
    return [
        f"{named}: the peak lies there no more often than with random weights, so these maps of "
        "this network are no evidence of what it learnt."
    ]


def agreement(findings: Findings, name: MapName) -> list[str]:
    """Whether a perturbation of the image tells the same."""
    rows = _rows(findings.agreement, name)
    if rows.empty:
        return []
    one = rows.iloc[0]
    return [
        f"Occlusion, which uses no gradient, agrees with it to a rank correlation of "
        f"{one.correlation:.2f} [{one.low:.2f}, {one.high:.2f}]."
    ]


def groups(findings: Findings, name: MapName) -> list[str]:
    """Which regions differ between the groups, held against the motion itself."""
    if findings.tests.empty:
        return ["Groups are not compared: the explained clips are not of two groups."]
    a, b = findings.groups
    mine, moved = (_tested(findings.tests, of) for of in (name, MOTION))
    if mine.p_unrestricted.isna().all():
        return [f"Too few subjects to compare {a} and {b}."]
    if mine.p_within.isna().all():
        return [
            f"No database has subjects of both {a} and {b}: differences between their maps "
            "cannot be told from differences between databases."
        ]
    text = _differing(mine, a, b, f"The share of the map on {{}} differs between {a} and {b}")
    if text is None:
        return [
            f"No region of the face has a share of the map that differs between {a} and {b} "
            "within databases after Holm's correction; at this number of subjects that is no "
            "evidence of equality."
        ]
    same = _differing(moved, a, b, "The motion of the clips itself differs on {}")
    return [text, same or "The motion of the clips itself shows no such difference."]


def _differing(tests: pd.DataFrame, a: str, b: str, text: str) -> str | None:
    found = tests[tests.p_within_holm <= ALPHA]
    if found.empty:
        return None
    named = ", ".join(f"{row.region} ({row.difference:+.3f})" for row in found.itertuples())
    return text.format(named) + ", within databases after Holm's correction."


def _tested(tests: pd.DataFrame, name: MapName) -> pd.DataFrame:
    rows = _rows(tests, name)
    return rows[rows.emotion == ALL]


def _rows(frame: pd.DataFrame, name: MapName) -> pd.DataFrame:
    if frame.empty:
        return frame
    method, view = name
    found = (frame.method == method) & (frame["head"] == view.head) & (frame.branch == view.branch)
    return frame[found]


def _percent(row: pd.Series) -> str:
    if not np.isfinite(row.low):
        return f"{row.rate:.0%}"
    return f"{row.rate:.0%} [{row.low:.0%}, {row.high:.0%}]"
