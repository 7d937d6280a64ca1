"""The summary of a sweep: one row a point, as CSV, Markdown and a self-contained page."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import sweep
from ethnicmer_jax.analysis.sweep import Result
from ethnicmer_jax.base import files
from ethnicmer_jax.report import document, figures, job, provenance
from ethnicmer_jax.report.document import Block, Document, Gallery, Listing, Prose, Section
from ethnicmer_jax.report.tables import Column, Table

_METHODS = (
    "Every point is a job of its own, with its own report in points/. Every prediction is of a "
    "clip whose subject took no part in training the model that made it, and scores are computed "
    "from all test predictions of a run at once. Intervals come from resampling whole subjects; "
    "they do not cover what other training subjects would have changed, and are not widened for "
    "the number of points."
)
_LABELS = {"uf1": "UF1", "uar": "UAR", "accuracy": "Accuracy"}


def write(name: str, results: Sequence[Result], directory: pathlib.Path) -> pathlib.Path:
    """Writes summary.csv, summary.md and summary.html.

    Args:
      name: of the sweep.
      results: all points, finished or not; the first is what others are compared with.
      directory: of the sweep.

    Returns:
      The path of summary.html.
    """
    values = sweep.frame(results)
    shown = _table(values)
    sentences = [job.SIMULATED] if _simulated(results) else []
    sentences += sweep.conclusions(values)
    heading = f"# Sweep: {name}\n\n" + "".join(f"- {text}\n" for text in sentences)
    files.write_table(directory / "summary.csv", values)
    files.write_text(directory / "summary.md", f"{heading}\n{shown.markdown()}\n{shown.caption}\n")
    built = _document(name, values, shown, sentences)
    files.write_text(directory / "summary.html", document.render(built))
    return directory / "summary.html"


def _simulated(results: Sequence[Result]) -> bool:
    return any(r.config.get("data", {}).get("source") == "simulated" for r in results)


def _table(values: pd.DataFrame) -> Table:
    uf1, *others = (_score_columns(values, score, label) for score, label in _LABELS.items())
    difference = Column(
        "UF1 − first", "{difference:+.3f} [{difference_low:+.3f}, {difference_high:+.3f}]"
    )
    columns = [Column("Point", "{label}", False), *uf1, difference, *others[0], *others[1]]
    columns += [Column("Runs", "{runs:,.0f}"), Column("Clips", "{clips:,.0f}")]
    columns += [Column("Minutes", "{minutes:.1f}")]
    if (values.status != "finished").any():
        columns.insert(1, Column("Status", "{status}", False))
    return Table(
        "summary",
        "Pooled scores, mean over runs, with 95% intervals from resampling subjects; SD: spread "
        "over runs (seeds, draws). UF1 − first: difference from the first point, the same "
        "subjects resampled on both sides. Clips that several runs test count once. Minutes: "
        "wall time of the processes that worked at a point, its report included.",
        values.assign(minutes=values.seconds / 60, label=_labels(values)),
        columns,
    )


def _score_columns(values: pd.DataFrame, score: str, label: str) -> list[Column]:
    """The score with its interval, and its spread where any point has more than one run."""
    columns = [Column(label, f"{{{score}:.3f}} [{{{score}_low:.3f}}, {{{score}_high:.3f}}]")]
    if values[f"{score}_sd"].notna().any():
        columns.append(Column("SD", f"{{{score}_sd:.3f}}"))
    return columns


def _labels(values: pd.DataFrame) -> list[str]:
    """The names of the points, such that a line can be broken between two settings."""
    return [name.replace(",", ", ") for name in values.point]


def _document(name: str, values: pd.DataFrame, table: Table, sentences: Sequence[str]) -> Document:
    failures = [f"{row.point}: {row.error}" for row in values.itertuples() if row.error]
    points: list[Block] = [table, *_forests(values)]
    if failures:
        points.append(Listing("\n".join(failures)))
    return Document(
        title=f"Sweep: {name}",
        question="How much does each of these settings matter?",
        conclusion=sentences,
        sections=[
            Section("points", "Points", points),
            Section("methods", "Methods", [Prose([_METHODS])]),
            provenance.responsible_use(),
        ],
    )


def _forests(values: pd.DataFrame) -> list[Gallery]:
    """UF1 of the finished points, and their differences from the first."""
    scored = values[values.uf1.notna()]
    compared = values[values.difference.notna()]
    drawn = []
    if len(scored):
        drawn.append(
            figures.forest(
                _lines(scored, "uf1"),
                name="uf1_forest",
                caption="UF1 of the finished points with 95% intervals from resampling subjects.",
                xlabel="UF1",
            )
        )
    if len(compared):
        drawn.append(
            figures.forest(
                _lines(compared, "difference"),
                name="differences_forest",
                caption=f"Difference of UF1 from {values.point[0]} with 95% intervals from "
                "resampling subjects, each taken by itself.",
                xlabel="difference of UF1",
                references={"no difference": 0.0},
                signed=True,
            )
        )
    return [Gallery(drawn)] if drawn else []


def _lines(values: pd.DataFrame, score: str) -> pd.DataFrame:
    bounds = values[[score, f"{score}_low", f"{score}_high"]].to_numpy(np.float64)
    lines = pd.DataFrame(bounds, columns=["estimate", "low", "high"])
    return lines.assign(label=_labels(values))
