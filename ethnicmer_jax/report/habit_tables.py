"""The section of a page on what choosing epochs on test clips is worth."""

from __future__ import annotations

from ethnicmer_jax.analysis import habit
from ethnicmer_jax.analysis.confusion import LABELS
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.report import columns
from ethnicmer_jax.report.html_page import Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.tables import Column, Table


def section(predictions: Predictions) -> Section:
    """With and without the habit, by the number of epochs.

    Args:
      predictions: of a job under `protocol.peek`.
    """
    table = Table(
        "habit",
        text("job.habit_table", intervals=text("job.intervals")),
        habit.frame(predictions),
        (
            columns.run("Arm", "arm"),
            columns.count("Epochs", "epochs"),
            *(column for score in ("uf1", "uar") for column in _with_common(score)),
        ),
    )
    return Section("habit", "What the habit is worth", [Prose(paragraphs("job.habit")), table])


def _with_common(score: str) -> tuple[Column, ...]:
    return *of_score(score), columns.number("Best common epoch", f"{score}_common")


def of_score(score: str) -> tuple[Column, ...]:
    """A score without the habit, with it, and the difference: `analysis.habit.columns`."""
    name = LABELS[score]
    return (
        columns.bounded(f"{name}, fixed epochs", f"{score}_fixed"),
        columns.bounded(f"{name}, best test epoch", f"{score}_chosen"),
        columns.difference("Worth", key=f"{score}_worth", prefix=f"{score}_worth_"),
    )
