"""The section on groups in the pooled LOSO: scores, gaps, effect sizes and tests."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ethnicmer_jax.analysis.conclusion import interval_text
from ethnicmer_jax.analysis.study.groups import Groups
from ethnicmer_jax.report.document import Prose, Section
from ethnicmer_jax.report.tables import Column, PValue, Table

_SCORES = {"uf1": "UF1", "uar": "UAR", "accuracy": "Accuracy"}


def section(groups: Groups, tests: pd.DataFrame, verdict: str) -> Section:
    """Everything about the groups.

    Args:
      groups: from `groups.analyse`.
      tests: columns test, measured, p, p_holm.
      verdict: the sentence of the conclusion.
    """
    return Section(
        "groups",
        "Groups in the pooled LOSO",
        [
            Prose([verdict, _effect_sizes(groups)]),
            _scores(groups.scores),
            _tests(tests),
            _classes(groups.classes),
            _gaps(groups.gaps),
        ],
    )


def _effect_sizes(groups: Groups) -> str:
    a, b = groups.names
    ratio = groups.odds_ratio
    return (
        f"{groups.recognised[0]:.1%} of the clips of {a} and {groups.recognised[1]:.1%} of those "
        f"of {b} are recognised: Cohen's h {groups.cohen_h:+.2f}, odds ratio "
        f"{ratio.estimate:.2f} [{ratio.low:.2f}, {ratio.high:.2f}] (clips taken as independent, "
        f"nothing held constant). UF1 of {a} minus {b}: {interval_text(groups.difference)}."
    )


def _scores(frame: pd.DataFrame) -> Table:
    return Table(
        "group_scores",
        "Scores of each group, mean over runs, with 95% intervals from resampling subjects.",
        frame,
        (
            Column("Group", "{group}", False),
            Column("Subjects", "{n_subjects:,}"),
            Column("Clips", "{n_clips:,}"),
            *(
                Column(label, f"{{{key}:.3f}} [{{{key}_low:.3f}}, {{{key}_high:.3f}}]")
                for key, label in _SCORES.items()
            ),
        ),
    )


def _tests(frame: pd.DataFrame) -> Table:
    return Table(
        "group_tests",
        "Tests between the groups. p (Holm): adjusted over all tests but that of the main "
        "question. A dash: the data cannot tell.",
        frame,
        (
            Column("Test", "{test}", False),
            Column("Measured", "{measured}", False),
            PValue("p", "{p}"),
            PValue("p (Holm)", "{p_holm}"),
        ),
    )


def _classes(frame: pd.DataFrame) -> Table:
    return Table(
        "group_classes",
        "Scores of each class in each group, mean over runs.",
        frame,
        (
            Column("Group", "{part}", False),
            Column("Class", "{emotion}", False),
            Column("Clips", "{clips:,}"),
            Column("F1", "{f1:.3f}"),
            Column("Recall", "{recall:.3f}"),
            Column("False-positive rate", "{false_positive_rate:.3f}"),
        ),
    )


def _gaps(frame: pd.DataFrame) -> Table:
    columns: Sequence[Column] = (
        Column("Gap", "{gap}", False),
        Column("Size", "{value:.3f}"),
        Column("Worst group", "{worst_group}", False),
    )
    return Table(
        "group_gaps",
        "Fairness gaps between the groups, mean over runs. Equalised odds: the larger of the "
        "gaps in true- and false-positive rate, one class against the rest.",
        frame,
        columns,
    )
