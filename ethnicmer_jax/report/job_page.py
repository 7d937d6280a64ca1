"""The report of a job: from the files of a work directory to `report/index.html`."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import pandas as pd

from ethnicmer_jax.analysis import habit, learning_curves
from ethnicmer_jax.analysis.confusion import LABELS
from ethnicmer_jax.analysis.job_findings import JobFindings
from ethnicmer_jax.base import labels, reportable
from ethnicmer_jax.report import (
    columns,
    explained,
    figures,
    files,
    habit_tables,
    html_page,
    methods,
    model_card,
    provenance,
    style,
)
from ethnicmer_jax.report.html_page import Document, Gallery, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.report.tables import Table

MANY_RUNS = 6
"""Longer tables of runs are folded away."""


def write(workdir: pathlib.Path) -> pathlib.Path:
    """Writes `workdir/report/` and the model card; the same files give the same bytes.

    Args:
      workdir: holds predictions.csv and, where they exist, config.json, metrics.json,
        scalars.jsonl and final.json. Scores are always computed from predictions.csv.

    Returns:
      The path of index.html.

    Raises:
      UserError: a file is missing, invalid or disagrees with another (see `files.read`).
    """
    workdir = pathlib.Path(workdir)
    job = files.read(workdir)
    found = JobFindings.of(job.predictions, job.members)
    more = explained.sections(workdir)
    if model_card.is_due(job.config):
        model_card.write(workdir, job.config, job.metrics, job.final, found)
        more.append(model_card.section(job.config, job.metrics, job.final))
    reason = job.predictions.not_reportable
    if reason:
        more.insert(0, habit_tables.section(job.predictions))
        worth = habit.sentences(job.predictions)
        found = dataclasses.replace(found, conclusions=[*worth, *found.conclusions])
    with style.stamped(reason and reportable.MARK):
        page = build(job, found, more)
    return html_page.save(page, workdir / "report")


def build(job: files.Inputs, found: JobFindings, more: Sequence[Section] = ()) -> Document:
    """The report as data, with `more` after the results."""
    written = methods.of(job, found.data, found.runs, compared=len(found.comparisons) > 1)
    return Document(
        title=f"Micro-expression recognition: {job.title}",
        question=text("job.question"),
        warnings=[*provenance.warnings(job.simulated), *found.few_subjects],
        conclusion=found.conclusions,
        lead=[_forest(found)],
        sections=[
            _main_results(found),
            *_matrix(found.matrix),
            _differences(found),
            provenance.data_card(found.data),
            _parts(found),
            _curves(learning_curves.families(job.scalars), job.predictions.not_reportable),
            _runs(found.runs),
            *more,
            provenance.what_was_run(job, found.runs),
            Section("methods", "Methods", [Prose(paragraphs("job.methods"))]),
            written.section(),
            provenance.responsible_use(),
            provenance.reproduce(job),
        ],
        attachments=written.files(),
        not_reportable=job.predictions.not_reportable,
    )


def _main_results(found: JobFindings) -> Section:
    """Pooled scores of each arm against the baselines, and confusion matrices."""
    table = Table(
        "main_results",
        text("job.main_results", intervals=text("job.intervals")),
        found.scores,
        (
            columns.run("Arm", "arm"),
            columns.text("Score", "score"),
            columns.count("Runs", "n_runs"),
            columns.number("Mean", "mean"),
            columns.interval(),
            columns.number("SD", "sd"),
            columns.number("Majority class", "majority_class"),
            columns.number("Chance", "chance"),
        ),
    )
    single = len(found.arms) == 1
    matrices = [
        figures.confusion(
            matrix.counts,
            found.classes,
            name="confusion" if single else f"confusion_{number}",
            of=text("job.confusion", arm=labels.run(arm), n_runs=matrix.n_runs),
        )
        for number, (arm, matrix) in enumerate(found.confusions.items(), start=1)
    ]
    return Section("results", "Results", [table, Gallery(matrices)])


def _matrix(matrix: pd.DataFrame) -> list[Section]:
    """UF1 and UAR of databases trained on × databases tested, where there are such cells."""
    if matrix.empty:
        return []
    drawn = [
        figures.train_by_test(
            matrix.assign(
                estimate=matrix[score], low=matrix[f"{score}_low"], high=matrix[f"{score}_high"]
            ),
            name=f"databases_{score}",
            caption=text("job.matrix", score=LABELS[score], intervals=text("job.intervals")),
            score=LABELS[score],
        )
        for score in ("uf1", "uar")
    ]
    table = Table(
        "databases",
        text("job.matrix_table", intervals=text("job.intervals")),
        matrix,
        (
            columns.database("Trained on", "train"),
            columns.database("Tested on", "test"),
            columns.count("Subjects", "n_subjects"),
            columns.count("Clips", "n_clips"),
            *columns.scores(),
        ),
    )
    return [Section("databases", "Databases: trained on × tested on", [Gallery(drawn), table])]


def _forest(found: JobFindings) -> Figure:
    """UF1 of every part; the baselines only where they are the same for all rows."""
    baselines = None
    if len(found.arms) == 1:
        uf1 = found.scores.set_index("score").loc["UF1"]
        baselines = {"majority class": uf1["majority_class"], "chance": uf1["chance"]}
    parts = found.parts
    return figures.forest(
        parts.assign(estimate=parts["uf1"], low=parts["uf1_low"], high=parts["uf1_high"]),
        name="uf1_forest",
        caption=text("job.forest", intervals=text("job.intervals"), baselines=baselines),
        xlabel="UF1",
        references=baselines,
    )


def _differences(found: JobFindings) -> Section:
    """Differences between arms and between groups, with their verdicts."""
    frame = found.differences
    if frame.empty:
        nothing = Prose(paragraphs("job.nothing_to_compare"))
        return Section("differences", "Differences", [nothing])
    level = text("job.level", level=f"{100 * found.level:.4g}%", joint=len(frame) > 1)
    table = Table(
        "differences",
        text("job.differences", level=level),
        frame,
        (
            columns.text("Difference", "label"),
            columns.difference("UF1 [interval]"),
            columns.count("Subjects", "subjects"),
            columns.text("Design", "design"),
            columns.text("Verdict", "verdict"),
        ),
    )
    plot = figures.differences(
        frame, name="differences_forest", caption=text("job.differences_forest", level=level)
    )
    return Section("differences", "Differences", [table, Gallery([plot])])


def _parts(found: JobFindings) -> Section:
    """Scores by group, by database and by class."""
    tables = [_part_table(heading, rows) for heading, rows in found.sections.items()]
    per_class = Table(
        "classes",
        text("job.classes"),
        found.per_class,
        (columns.run("Arm", "arm"), columns.group("Group", "part"), *columns.per_class()),
    )
    return Section("parts", "Groups, databases, classes", [*tables, per_class])


def _part_table(heading: str, rows: pd.DataFrame) -> Table:
    part = heading.removeprefix("By ")
    return Table(
        part.replace(" ", "_"),
        f"{heading}. {text('job.intervals')}",
        rows,
        (
            columns.text(part.capitalize(), "label"),
            columns.count("Subjects", "n_subjects"),
            columns.count("Clips", "n_clips"),
            *columns.scores(),
        ),
    )


def _curves(families: Mapping[str, pd.DataFrame], not_reportable: str) -> Section:
    """One figure for each family of training curves."""
    if not families:
        return Section("curves", "Learning curves", [Prose(paragraphs("job.no_curves"))])
    drawn = [
        figures.curves(
            points,
            name=f"curves_{number}",
            ylabel=family,
            caption=text("job.curve", family=family),
        )
        for number, (family, points) in enumerate(families.items(), start=1)
    ]
    said = paragraphs("job.curves", peeked=not_reportable)
    return Section("curves", "Learning curves", [Prose(said), Gallery(drawn)])


def _runs(runs: pd.DataFrame) -> Section:
    """The scores of every run."""
    table = Table(
        "runs",
        f"Scores of every run ({len(runs):,})",
        runs,
        columns.per_run(),
        collapsed=len(runs) > MANY_RUNS,
    )
    return Section("runs", "Runs", [table])
