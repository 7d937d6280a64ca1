"""The sections of a study's report, drawn from its findings."""

from __future__ import annotations

import pandas as pd

from ethnicmer_jax.analysis.action_units.findings import ActionUnitFindings
from ethnicmer_jax.analysis.conclusion import interval_text
from ethnicmer_jax.analysis.study.across_databases import EACH, AcrossDatabases
from ethnicmer_jax.analysis.study.exact import Exact
from ethnicmer_jax.analysis.study.findings import GroupFindings, StudyFindings
from ethnicmer_jax.analysis.study.groups import Groups, odds_ratio_text
from ethnicmer_jax.analysis.study.reference import Reference
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.contrast_roles import MAIN
from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.report import columns, figures
from ethnicmer_jax.report.html_page import Block, Gallery, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.study import figures as study_figures
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.report.tables import Column, Table

RUNS_SHOWN = 40
"""Rows of a long table that the page shows."""


def exact(found: Exact) -> Section:
    """The randomisation test: every planned quantity, and what it rests on.

    The figure of the main question opens the page.
    """
    blocks: list[Block] = []
    if found.main is not None:
        blocks.append(_relabelled(found.rows))
    movable = found.movable if found.design.n_movable else ""
    stopped = found.main is not None and found.main.stopped
    done = labels.count(len(found.main.null)) if found.main else ""
    planned, ways = labels.count(found.design.planned), labels.count(found.design.n_distinct)
    told = {"movable": movable, "ways": ways, "stopped": stopped, "done": done, "planned": planned}
    blocks.append(Prose(paragraphs("study.exact", **told)))
    return Section("exact", "Exact test", blocks)


def main_result(found: StudyFindings) -> Section:
    """Matrix, arms and differences; the figure of the main question opens the page."""
    drawn, tables = [], []
    if not found.matrix.empty:
        drawn.append(
            figures.train_by_test(found.matrix, name="matrix", caption=text("study.matrix"))
        )
    if not found.advantages.empty:
        if found.decided:
            drawn.append(_forest("advantage_forest", found.advantages))
        drawn.append(_arms_forest(found))
        tables.append(_advantages(found.advantages))
    if not found.differences.empty:
        drawn.append(_forest("differences_forest", found.differences))
        tables.append(_differences(found.differences))
    explained = Prose(paragraphs("study.main_result"))
    shown = [Gallery(drawn)] if drawn else []
    # Where the exact test answers the main question, this only adds its size in UF1.
    answered = found.exact is not None and found.exact.decides
    title = "Size in UF1" if answered else "Main result"
    return Section("results", title, [*shown, *tables, explained])


def across_databases(found: AcrossDatabases) -> Section:
    """The advantage inside each database that holds both groups, and pooled over them."""
    blocks: list[Block] = [Prose([found.sentence])]
    if not found.rows.empty:
        each = found.rows[found.rows["section"] == EACH]
        blocks += [Gallery([_forest("databases_forest", found.rows)]), _of_databases(each)]
    if found.pooled is not None and len(found.pooled.weights) > 1:
        blocks.append(_heterogeneity(found.heterogeneity))
    blocks.append(Prose(paragraphs("study.databases")))
    return Section("databases", "Advantage within databases", blocks)


def main_figure(found: StudyFindings) -> Figure:
    """What the page opens with: the exact test where it decides, else own-group advantages.

    The arms, where none was measured.
    """
    if found.decided and found.exact and found.exact.main:
        return study_figures.relabelled(found.exact.main, found.exact.quantity)
    if found.advantages.empty:
        return _arms_forest(found)
    return _forest("advantage_forest", found.advantages)


def _arms_forest(found: StudyFindings) -> Figure:
    return figures.forest(
        found.arms, name="arms_forest", caption=text("study.arms_forest"), xlabel="UF1"
    )


def controls(found: StudyFindings, baseline: str | None) -> Section:
    """Each control's own estimate, and which differences survived it.

    Args:
      found: with the controls.
      baseline: a sentence on how well the database is told from a clip, if measured.
    """
    blocks: list[Block] = [Prose([baseline])] if baseline else []
    drawn = [study_figures.placebos(placebo) for placebo in found.placebos]
    tables = [] if found.survival.empty else [_survival(found.survival)]
    if not found.controls.empty:
        drawn.append(_forest("controls_forest", found.controls))
        tables.append(_control_estimates(found.controls))
    blocks += [Gallery(drawn)] if drawn else []
    blocks += tables
    return Section("controls", "Controls", blocks or [Prose(paragraphs("study.no_control"))])


def groups(found: GroupFindings) -> Section:
    """The groups in the pooled LOSO: scores, gaps, effect sizes and tests."""
    numbers = found.numbers
    scores = Table(
        "group_scores",
        text("study.group_scores"),
        numbers.scores,
        (
            columns.group("Group", "group"),
            columns.count("Subjects", "n_subjects"),
            columns.count("Clips", "n_clips"),
            *columns.scores(),
        ),
    )
    tests = Table(
        "group_tests",
        text("study.group_tests"),
        found.tests,
        (
            columns.text("Test", "test"),
            columns.sentence("Measured", "measured"),
            columns.p_value(),
            columns.p_holm(),
        ),
    )
    classes = Table(
        "group_classes",
        text("study.group_classes"),
        numbers.classes,
        (columns.group("Group", "part"), *columns.per_class()),
    )
    gaps = Table(
        "group_gaps",
        text("study.group_gaps"),
        numbers.gaps,
        (
            columns.text("Gap", "gap"),
            columns.number("Size", "value"),
            columns.group("Worst group", "worst_group"),
        ),
    )
    said = Prose([found.sentence, _effect_sizes(numbers)])
    return Section("groups", "Groups in the pooled LOSO", [said, scores, tests, classes, gaps])


def reference(found: Reference) -> Section:
    """The reference's own comparison beside ours."""
    arms = Table(
        "reference_arms",
        text("study.reference_arms"),
        found.arms,
        (
            columns.cell("Arm", "cell"),
            Column("Draws", "{draws} ({n_runs:,})", False),
            columns.tenths("Subjects per run", "subjects"),
            columns.tenths("Clips per run", "clips"),
            Column("Largest class", "{largest_class:percent}"),
            columns.estimate(),
        ),
    )
    differences = Table(
        "reference_differences",
        text("study.reference_differences"),
        found.differences,
        (
            columns.text("Difference", "label"),
            columns.difference(
                "The reference's draw", key="reference_estimate", prefix="reference_"
            ),
            columns.difference("Ours", key="ours_estimate", prefix="ours_"),
        ),
    )
    explained = Prose(paragraphs("study.reference"))
    return Section("reference", "The reference's own comparison", [explained, arms, differences])


def matching(frame: pd.DataFrame) -> Section:
    """What was matched across arms; every column is shown.

    Args:
      frame: column arm (`<contrast>.<cell>`) and any others.
    """
    shown = [_as_recorded(str(key), frame[key]) for key in frame.columns]
    main = frame[[RunId.parse(str(arm)).part == MAIN for arm in frame["arm"]]]
    every_arm = Table(
        "matching_all",
        text("study.matching_all", rows=f"{len(frame):,}"),
        frame,
        shown,
        collapsed=True,
        shown=RUNS_SHOWN,
    )
    tables = [Table("matching", text("study.matching"), main, shown), every_arm]
    return Section("matching", "What was matched", tables)


def action_units(found: ActionUnitFindings) -> Section:
    """Prevalence and tests of single Action Units, and of pairs where there are any."""
    pair = found.groups
    drawn = [
        study_figures.au_prevalence(found.units),
        study_figures.au_difference(found.units, pair),
    ]
    tables = [_unit_tests("action_units", "Action Unit", found.units.tests, pair)]
    if found.pairs:
        units = "pairs of Action Units"
        drawn += [
            study_figures.au_prevalence(found.pairs, name="au_pairs_prevalence", units=units),
            study_figures.au_difference(found.pairs, pair, name="au_pairs", units=units),
        ]
        tests = found.pairs.tests
        tables.append(_unit_tests("action_unit_pairs", "pair of Action Units", tests, pair))
    return Section(
        "action-units", "Action Units", [Prose([found.summary]), Gallery(drawn), *tables]
    )


def calibration(rates: pd.DataFrame) -> Section:
    """False-alarm rate and power on simulated databases.

    Args:
      rates: columns series (str), effect (float), rejections, databases (int) and those of
        `calibration.with_wilson`.
    """
    table = Table("calibration", text("study.calibration"), rates, columns.rejections("Design"))
    return Section(
        "calibration", "Calibration", [Gallery([figures.rejection_curves(rates)]), table]
    )


def cells(frame: pd.DataFrame, runs: pd.DataFrame) -> Section:
    """Every cell of every contrast, and every run; both folded away.

    Args:
      frame: `study.estimates.arms`.
      runs: `StudyRuns.table`.
    """
    all_cells = Table(
        "cells",
        text("study.cells", rows=f"{len(frame):,}"),
        frame,
        (
            columns.text("Contrast or job", "section"),
            columns.text("Cell", "label"),
            columns.count("Runs", "n_runs"),
            columns.count("Subjects", "n_subjects"),
            columns.tenths("Clips per run", "n_clips"),
            columns.estimate(),
            columns.number("SD over runs", "sd"),
            columns.number("UAR", "uar"),
        ),
        collapsed=True,
    )
    every_run = Table(
        "runs",
        text("study.runs", rows=len(runs), shown=RUNS_SHOWN),
        runs,
        columns.per_run(),
        collapsed=True,
        shown=RUNS_SHOWN,
    )
    return Section("cells", "All cells and runs", [all_cells, every_run])


def _forest(name: str, frame: pd.DataFrame) -> Figure:
    return figures.differences(frame, name=name, caption=text(f"study.{name}"))


def _advantages(frame: pd.DataFrame) -> Table:
    return Table(
        "advantages",
        text("study.advantages"),
        frame,
        (
            columns.text("Groups", "label"),
            columns.count("Subjects", "n_subjects"),
            columns.difference(),
            columns.p_value(),
            columns.number("Detectable", "detectable"),
        ),
    )


def _relabelled(frame: pd.DataFrame) -> Table:
    return Table(
        "exact_tests",
        text("study.exact_tests"),
        frame,
        (
            columns.text("Quantity", "label"),
            columns.text("Statistic", "statistic"),
            Column("Observed", "{observed:signed}"),
            Column("Mean of relabellings", "{relabelled:signed}"),
            columns.difference("Excess [95% interval]"),
            columns.p_value(),
            columns.p_holm(),
        ),
    )


def _of_databases(frame: pd.DataFrame) -> Table:
    return Table(
        "database_advantages",
        text("study.database_advantages"),
        frame,
        (
            columns.text("Database", "label"),
            columns.count("Subjects", "n_subjects"),
            columns.difference(),
            columns.p_value(),
            Column("Weight in the mean", "{weight:percent}"),
        ),
    )


def _heterogeneity(frame: pd.DataFrame) -> Table:
    return Table(
        "heterogeneity",
        text("study.heterogeneity"),
        frame,
        (
            columns.count("Databases", "databases"),
            columns.difference("These databases"),
            columns.difference("Laboratories like these", prefix="elsewhere_"),
            columns.number("SD between laboratories", "tau"),
            Column("I²", "{i2:percent}"),
            Column("Q", "{q:,.2f}"),
            columns.count("Degrees of freedom", "df"),
            columns.p_value("p of Q"),
        ),
    )


def _differences(frame: pd.DataFrame) -> Table:
    return Table(
        "differences",
        text("study.differences"),
        frame,
        (
            columns.text("Difference", "label"),
            columns.count("Subjects", "n_subjects"),
            columns.text("Design", "design"),
            columns.difference(),
            columns.p_value(),
            columns.p_holm(),
            columns.number("Detectable", "detectable"),
        ),
    )


def _control_estimates(frame: pd.DataFrame) -> Table:
    return Table(
        "control_estimates",
        text("study.control_estimates", rows=len(frame)),
        frame,
        (
            columns.text("Measured", "label"),
            columns.text("Kind", "section"),
            columns.difference(),
            columns.p_value(),
        ),
        collapsed=True,
    )


def _survival(frame: pd.DataFrame) -> Table:
    return Table(
        "controls",
        text("study.controls"),
        frame,
        (
            columns.text("Difference", "quantity"),
            columns.text("Control", "control"),
            columns.sentence("Result", "result"),
            columns.text("Verdict", "verdict"),
        ),
    )


def _effect_sizes(numbers: Groups) -> str:
    ratio = numbers.odds_ratio
    return text(
        "study.effect_sizes",
        groups=list(map(labels.group, numbers.names)),
        shares=[labels.percent(share, 1) for share in numbers.recognised],
        cohen_h=labels.decimal(numbers.cohen_h, sign=True),
        odds_ratio=odds_ratio_text(ratio.estimate, ratio.low, ratio.high),
        difference=interval_text(numbers.difference),
    )


def _unit_tests(name: str, unit: str, tests: pd.DataFrame, groups: tuple[str, str]) -> Table:
    shown = [labels.group(name) for name in groups]
    return Table(
        name,
        text("study.unit_tests", unit=unit, groups=shown, rows=len(tests)),
        tests,
        (
            Column(unit.capitalize(), "AU{au}", False),
            columns.text("Emotion", "emotion"),
            Column(shown[0], "{n_with_a}/{n_a}"),
            Column(shown[1], "{n_with_b}/{n_b}"),
            Column("Difference of shares", "{difference:signed}"),
            Column("Cohen's h", "{cohen_h:effect}"),
            Column("Subjects who show it", "{persons_a} + {persons_b}"),
            columns.p_value("p, Fisher (clips taken as independent)", "p_fisher"),
            columns.p_value("p, subjects permuted", "p_permutation"),
            columns.p_value("p, permuted within database", "p_within_database"),
            columns.p_holm("p, permuted within database (Holm)"),
        ),
        collapsed=True,
    )


def _as_recorded(key: str, values: pd.Series) -> Column:
    """A column of matching.csv under the name that it has there, in plain words."""
    if key == "arm":
        return columns.run("Arm", key)
    kind, _, of = key.partition("_")
    label = f"Clips, {labels.database(of)}" if kind == "clips" and of else key.replace("_", " ")
    label = f"{label[:1].upper()}{label[1:]}"
    if not pd.api.types.is_numeric_dtype(values):
        return columns.text(label, key)
    if not pd.api.types.is_float_dtype(values):
        return columns.count(label, key)
    return columns.tenths(label, key) if values.max() > 1 else columns.number(label, key)
