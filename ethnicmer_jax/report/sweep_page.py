"""The summary of a sweep: one row per point, as CSV, Markdown and a self-contained page."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import pandas as pd

from ethnicmer_jax.analysis import gaps, sweep
from ethnicmer_jax.analysis.confusion import LABELS
from ethnicmer_jax.analysis.sweep import Result
from ethnicmer_jax.base import files, labels, markdown, reportable
from ethnicmer_jax.report import columns, figures, habit_tables, html_page, provenance, style
from ethnicmer_jax.report.html_page import Block, Document, Gallery, Listing, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.report.tables import Column, Table


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
    simulated = any(r.config.get("data", {}).get("source") == "simulated" for r in results)
    warnings, sentences = provenance.warnings(simulated), sweep.conclusions(values)
    fault = sweep.named_fault(values)
    marked = [reportable.marked(fault)] if fault else []
    title = f"{reportable.MARK}: sweep {name}" if fault else f"Sweep: {name}"
    heading = f"# {markdown.escape(title)}\n\n" + "".join(
        f"- {markdown.escape(sentence)}\n" for sentence in [*marked, *warnings, *sentences]
    )
    files.write_table(directory / "summary.csv", values)
    further = [*_gaps(values), *_habits(values)]
    tables = [shown, *(block for block in further if isinstance(block, Table))]
    written = "\n".join(
        f"{table.markdown()}\n{markdown.escape(table.caption)}\n" for table in tables
    )
    files.write_text(directory / "summary.md", f"{heading}\n{written}")
    with style.stamped(reportable.MARK if marked else ""):
        page = _document(name, values, shown, sentences, warnings)
    files.write_text(directory / "summary.html", html_page.render(page))
    return directory / "summary.html"


def _table(values: pd.DataFrame) -> Table:
    uf1, *others = (_score_columns(values, score) for score in LABELS)
    shown = [
        columns.text("Point", "label"),
        *uf1,
        columns.difference("UF1 − first", key="difference", prefix="difference_"),
        *(column for score in others for column in score),
        columns.count("Runs", "runs"),
        columns.count("Clips", "clips"),
        columns.tenths("Minutes", "minutes"),
    ]
    if (values["status"] != "finished").any():
        shown.insert(1, columns.text("Status", "status"))
    return Table(
        "summary",
        text("sweep.summary"),
        values.assign(minutes=values["seconds"] / 60, label=_labels(values)),
        shown,
    )


def _score_columns(values: pd.DataFrame, score: str) -> list[Column]:
    """The score with its interval, and its spread where any point has more than one run."""
    spread = [columns.number("SD", f"{score}_sd")] if values[f"{score}_sd"].notna().any() else []
    return [columns.score(score), *spread]


def _labels(values: pd.DataFrame) -> list[str]:
    """The names of the rows, such that a line can be broken between two settings."""
    return [name.replace(",", ", ") for name in sweep.names(values)]


def _document(
    name: str,
    values: pd.DataFrame,
    table: Table,
    sentences: Sequence[str],
    warnings: Sequence[str],
) -> Document:
    failed = values[values.error != ""].drop_duplicates("point")
    failures = [f"{row.point}: {row.error}" for row in failed.itertuples()]
    lead, others = _forests(values)
    further = [*([Gallery(others)] if others else []), *_gaps(values), *_habits(values)]
    points: list[Block] = [table, *further]
    if failures:
        points.append(Listing("\n".join(failures)))
    return Document(
        title=f"Sweep: {name}",
        not_reportable=sweep.named_fault(values),
        question=text("sweep.question"),
        conclusion=sentences,
        lead=lead,
        warnings=warnings,
        sections=[
            Section("points", "Points", points),
            Section("methods", "Methods", [Prose(paragraphs("sweep.methods"))]),
            provenance.responsible_use(),
        ],
    )


def _gaps(values: pd.DataFrame) -> list[Block]:
    """How far groups and databases lie apart at every point, where there are two of them."""
    kinds = [kind for kind in gaps.KINDS if f"{kind}_gap" in values]
    if not kinds:
        return []
    shown = [columns.text("Point", "label")]
    for kind in kinds:
        one, other = values[f"{kind}_sides"].dropna().iloc[0].split(" minus ")
        name = labels.group if kind == "group" else labels.database
        shown.append(_signed(f"{name(one)} − {name(other)}", f"{kind}_gap"))
        if f"{kind}_gap_change" in values:
            shown.append(_signed("change of the gap", f"{kind}_gap_change"))
    caption = text("sweep.gaps")
    return [Table("gaps", caption, values.assign(label=_labels(values)), shown)]


def _signed(label: str, key: str) -> Column:
    return columns.difference(label, key=key, prefix=f"{key}_")


def _habits(values: pd.DataFrame) -> list[Block]:
    """What choosing epochs on test clips is worth at the points that did."""
    rows = values[sweep.not_reportable(values) != ""]
    if rows.empty:
        return []
    shown = [
        columns.text("Point", "label"),
        *(column for score in ("uf1", "uar") for column in habit_tables.of_score(score)),
        columns.count("Runs", "runs"),
    ]
    caption = text("sweep.habit")
    table = Table("habit", caption, rows.assign(label=_labels(rows)), shown)
    return [Prose(paragraphs("job.habit")), table]


def _forests(values: pd.DataFrame) -> tuple[list[Figure], list[Figure]]:
    """UF1 of the finished points, and their differences from the first."""
    scored, compared = _lines(values, "uf1"), _lines(values, "difference")
    lead, others = [], []
    if len(scored):
        caption = text("sweep.forest")
        lead.append(figures.forest(scored, name="uf1_forest", caption=caption, xlabel="UF1"))
    if len(compared):
        caption = text("sweep.differences_forest", first=sweep.names(values)[0])
        others.append(figures.differences(compared, name="differences_forest", caption=caption))
    return lead, others


def _lines(values: pd.DataFrame, score: str) -> pd.DataFrame:
    """The points that have a value, in the columns of a forest plot."""
    names = {score: "estimate", f"{score}_low": "low", f"{score}_high": "high"}
    lines = values[list(names)].astype(float).rename(columns=names).assign(label=_labels(values))
    return lines[lines["estimate"].notna()]
