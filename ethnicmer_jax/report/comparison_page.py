"""The page of a comparison of results on the same clips."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

import pandas as pd

from ethnicmer_jax.analysis.paired import ALL, CLASSES, GROUPS, Findings
from ethnicmer_jax.base import reportable
from ethnicmer_jax.report import (
    columns,
    difference_names,
    figures,
    html_page,
    provenance,
    style,
)
from ethnicmer_jax.report.html_page import Document, Gallery, Listing, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.report.tables import Table

MANY_SETTINGS = 20
"""Longer tables of settings are folded away."""

_NO_VARIANCE = 1e-9
"""Detectable differences up to this are rounding errors of none."""


def write(
    found: Findings,
    differing: pd.DataFrame,
    directory: pathlib.Path,
    *,
    simulated: bool,
    command: str,
    not_reportable: str = "",
    more: Callable[[pathlib.Path], None] | None = None,
) -> pathlib.Path:
    """Writes the page with figures/ and tables/, whole or not at all.

    Args:
      found: what is shown.
      differing: settings that differ: setting, and one column for each result.
      directory: made anew.
      simulated: whether any clips are drawn, not recorded.
      command: that made the comparison; "" for none.
      not_reportable: why results here must not be reported, see `Document`.
      more: writes further files into the directory that it is given.

    Returns:
      The path of index.html.
    """
    with style.stamped(reportable.MARK if not_reportable else ""):
        page = _document(found, differing, simulated=simulated, command=command)
    page = dataclasses.replace(page, not_reportable=not_reportable)
    return html_page.save(page, directory, more)


def _document(
    found: Findings, differing: pd.DataFrame, *, simulated: bool, command: str
) -> Document:
    sections = [
        _differences(found),
        _parts(found),
        _scores(found),
        _settings(differing),
        Section("methods", "Methods", [Prose(paragraphs("compare.methods"))]),
        provenance.responsible_use(),
    ]
    if command:
        sections.append(Section("reproduce", "How to reproduce", [Listing(command)]))
    return Document(
        title=f"Comparison: {', '.join(found.names)}",
        question=text("compare.question"),
        warnings=[*provenance.warnings(simulated), *found.notes],
        conclusion=[*found.headline, *found.conclusions],
        lead=[_forest(_overall(found), "differences_forest", "compare.forest")],
        sections=sections,
    )


def _differences(found: Findings) -> Section:
    """Scores of all clips."""
    table = _table(_overall(found), "differences", "compare.differences")
    return Section("differences", "Differences over all clips", [table])


def _overall(found: Findings) -> pd.DataFrame:
    rows = difference_names.labelled(found.differences)
    return rows[rows["section"] == ALL]


def _parts(found: Findings) -> Section:
    """The same of every class and group."""
    rows = difference_names.labelled(found.differences)
    rows = rows[rows["section"] != ALL]
    drawn = [
        _forest(rows[rows["section"] == section], f"differences_{name}", f"compare.forest_{name}")
        for section, name in ((CLASSES, "classes"), (GROUPS, "groups"))
        if (rows["section"] == section).any()
    ]
    table = _table(rows, "differences_parts", "compare.parts")
    return Section("parts", "Differences in classes and groups", [Gallery(drawn), table])


def _forest(rows: pd.DataFrame, name: str, caption: str) -> Figure:
    """One block of lines for each pair; one line for each score."""
    lines = rows[["estimate", "low", "high"]].astype(float)
    lines = lines.assign(section=rows["pair"], label=rows["what"])
    return figures.forest(
        lines,
        name=name,
        caption=text(caption),
        xlabel="difference",
        references={"no difference": 0.0},
        signed=True,
    )


def _table(rows: pd.DataFrame, name: str, caption: str) -> Table:
    # Without variance (both results are constant) no difference is the smallest detectable one.
    rows = rows.assign(detectable=rows["detectable"].where(rows["detectable"] > _NO_VARIANCE))
    return Table(
        name,
        text(caption),
        rows,
        (
            columns.text("Difference", "pair"),
            columns.text("Score", "what"),
            columns.difference("Estimate [95% interval]"),
            columns.p_value(),
            columns.p_holm(),
            columns.count("Subjects", "subjects"),
            columns.count("Clips", "clips"),
            columns.number("Detectable", "detectable"),
            columns.text("Shown", "verdict"),
        ),
    )


def _scores(found: Findings) -> Section:
    rows = found.scores.assign(
        what=[difference_names.of_score(row) for row in found.scores.to_dict("records")],
        label=[
            difference_names.in_arm(row["name"], row["arm"])
            for row in found.scores.to_dict("records")
        ],
    )
    table = Table(
        "scores",
        text("compare.scores"),
        rows,
        (
            columns.text("Result", "label"),
            columns.text("Score", "what"),
            columns.estimate("Estimate [95% interval]"),
            columns.count("Runs", "runs"),
            columns.count("Subjects", "subjects"),
            columns.count("Clips", "clips"),
        ),
    )
    return Section("scores", "Scores of each result", [table])


def _settings(differing: pd.DataFrame) -> Section:
    if differing.empty:
        return Section("settings", "Settings that differ", [Prose(paragraphs("compare.same"))])
    sides = [name for name in differing.columns if name != "setting"]
    # A name that a user chose may hold braces: templates name columns of ours.
    frame = differing.rename(columns={name: f"side{i}" for i, name in enumerate(sides)})
    table = Table(
        "settings",
        text("compare.settings"),
        frame,
        (
            columns.text("Setting", "setting"),
            *(columns.text(name, f"side{i}") for i, name in enumerate(sides)),
        ),
        collapsed=len(frame) > MANY_SETTINGS,
    )
    return Section("settings", "Settings that differ", [table])
