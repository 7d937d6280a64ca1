"""The report of a study: the main job's blocks, plus controls, matching, AUs and calibration."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

import pandas as pd

from ethnicmer_jax.report import controls, document, figures, page, provenance, study_figures
from ethnicmer_jax.report.conclusion import Conclusion, Control
from ethnicmer_jax.report.document import Block, Document, Gallery, Prose, Section
from ethnicmer_jax.report.inputs import Inputs
from ethnicmer_jax.report.tables import Column, Table


@dataclasses.dataclass(frozen=True)
class Study:
    """Everything a study's report shows beside its inputs.

    Attributes:
      estimates: arms, train-group × test-group cells, within-database scores, ...: columns
        section, label (str), estimate, low, high (UF1) and n_runs, n_subjects, n_clips (int).
      differences: contrasts between arms or groups: columns section, label, estimate, low,
        high and p_holm (NaN where it was not tested).
      matching: what the arms have in common and what could not be matched: one row an arm,
        first column arm; the other columns are shown as they are.
      control_estimates: each control's own number: columns section, label, estimate, low, high.
      controls: what the difference had to survive.
      finding: what may be said, from `conclusion.conclude`.
      prevalence: `action_units.prevalence`, or None where no AU is coded.
      au_comparison: `action_units.compare`, or None.
      groups: the two groups in the order of subtraction.
      calibration: columns series, effect, rejections, databases, or None where not run.
      extra: further sections (the reference's own comparison, ...), after the controls.
    """

    estimates: pd.DataFrame
    differences: pd.DataFrame
    matching: pd.DataFrame
    control_estimates: pd.DataFrame
    controls: Sequence[Control]
    finding: Conclusion
    groups: tuple[str, str]
    prevalence: pd.DataFrame | None = None
    au_comparison: pd.DataFrame | None = None
    calibration: pd.DataFrame | None = None
    extra: Sequence[Section] = ()


def write(study: Study, inputs: Inputs, directory: pathlib.Path) -> pathlib.Path:
    """Writes the study's report, whole or not at all; returns the path of index.html."""
    return document.save(build(study, inputs), directory)


def build(study: Study, inputs: Inputs) -> Document:
    """The report as data."""
    optional = []
    if study.prevalence is not None and study.au_comparison is not None:
        optional.append(action_units(study.prevalence, study.au_comparison, study.groups))
    if study.calibration is not None:
        optional.append(calibration(study.calibration))
    return Document(
        title=f"Mono against stereo ethnicity: {inputs.title}",
        question="Is the recognition of micro-expressions ethnic-leaning, once database, class "
        "balance and chance are accounted for?",
        conclusion=[*([page.SIMULATED] if inputs.simulated else []), *study.finding.sentences],
        sections=[
            main_result(study.estimates, study.differences),
            control_section(study.control_estimates, study.controls),
            *study.extra,
            matching(study.matching),
            *optional,
            provenance.what_was_run(inputs),
            provenance.methods(),
            provenance.responsible_use(),
            provenance.reproduce(inputs),
        ],
    )


def main_result(estimates: pd.DataFrame, differences: pd.DataFrame) -> Section:
    """The arms and their differences (columns: see `Study`)."""
    arms = figures.forest(
        estimates,
        name="arms_forest",
        caption="Pooled UF1, mean over draws and seeds, with 95% intervals from resampling "
        "subjects.",
        xlabel="UF1",
    )
    contrasts = figures.forest(
        differences,
        name="differences_forest",
        caption="Differences of pooled UF1 with 95% intervals from resampling subjects.",
        xlabel="difference of UF1",
        references={"no difference": 0.0},
        signed=True,
    )
    tables = [
        Table(
            "arms",
            "Pooled UF1 of each arm and part, mean over runs.",
            estimates,
            (
                Column("Part", "{label}", False),
                Column("Kind", "{section}", False),
                Column("Runs", "{n_runs:,}"),
                Column("Subjects", "{n_subjects:,}"),
                Column("Clips", "{n_clips:,}"),
                Column("UF1 [95% interval]", "{estimate:.3f} [{low:.3f}, {high:.3f}]"),
            ),
        ),
        Table(
            "differences",
            "Differences of pooled UF1; p values adjusted by Holm's method.",
            differences,
            (
                Column("Difference", "{label}", False),
                Column("Kind", "{section}", False),
                Column("UF1 [95% interval]", "{estimate:+.3f} [{low:+.3f}, {high:+.3f}]"),
                Column("p (Holm)", "{p_holm:.3f}"),
            ),
        ),
    ]
    return Section("results", "Main result", [Gallery([contrasts, arms]), *tables])


def control_section(estimates: pd.DataFrame, run: Sequence[Control]) -> Section:
    """Each control's own estimate, and whether the difference survived it."""
    if not run and estimates.empty:
        return Section("controls", "Controls", [Prose(["No control was run."])])
    blocks: list[Block] = []
    if not estimates.empty:
        plot = figures.forest(
            estimates,
            name="controls_forest",
            caption="What each control measured, with 95% intervals. Placebo groups, shuffled "
            "and constant labels should lie around 0.",
            xlabel="difference of UF1",
            references={"no difference": 0.0},
            signed=True,
        )
        blocks.append(Gallery([plot]))
    if run:
        columns = ("Control", "control"), ("Result", "result"), ("Verdict", "verdict")
        blocks.append(
            Table(
                "controls",
                "Whether the difference survives each control.",
                controls.as_frame(list(run)),
                [Column(label, f"{{{key}}}", False) for label, key in columns],
            )
        )
    return Section("controls", "Controls", blocks)


def matching(frame: pd.DataFrame) -> Section:
    """What was matched across arms; every column is shown, floats with three digits."""
    columns = []
    for key in frame.columns:
        number = pd.api.types.is_numeric_dtype(frame[key])
        digits = ":.3f" if pd.api.types.is_float_dtype(frame[key]) else ""
        columns.append(
            Column(str(key).replace("_", " ").capitalize(), f"{{{key}{digits}}}", number)
        )
    table = Table("matching", "The arms, and what could not be matched.", frame, columns)
    return Section("matching", "What was matched", [table])


def action_units(
    prevalence: pd.DataFrame, comparison: pd.DataFrame, groups: tuple[str, str]
) -> Section:
    """Heat maps of AU prevalence and of its difference, with the tests behind them."""
    drawn = [
        study_figures.au_prevalence(prevalence),
        study_figures.au_difference(comparison, groups),
    ]
    text = comparison.assign(
        p_adjusted=comparison.p_holm.map(study_figures.p_text),
        fisher=comparison.p_fisher.map(study_figures.p_text),
    )
    table = Table(
        "action_units",
        f"Tests of every Action Unit, {groups[0]} against {groups[1]} ({len(text)})",
        text,
        (
            Column("Action Unit", "AU{au}", False),
            Column("Emotion", "{emotion}", False),
            Column(f"{groups[0]}", "{n_with_a}/{n_a}"),
            Column(f"{groups[1]}", "{n_with_b}/{n_b}"),
            Column("Difference", "{difference:+.3f}"),
            Column("Subjects who show it", "{persons_a} + {persons_b}"),
            Column("Permutation within database, Holm", "{p_adjusted}"),
            Column("Fisher (clips taken as independent)", "{fisher}"),
        ),
        collapsed=True,
    )
    return Section("action-units", "Action Units", [Gallery(drawn), table])


def calibration(counts: pd.DataFrame) -> Section:
    """False-alarm rate and power on simulated databases (columns: see `Study`)."""
    table = Table(
        "calibration",
        "Rejections on simulated databases of known effect, with Wilson 95% intervals.",
        study_figures.with_wilson(counts),
        (
            Column("Design", "{series}", False),
            Column("True effect", "{effect:g}"),
            Column("Databases", "{databases:,}"),
            Column("Rejections", "{rejections:,}"),
            Column("Rate [95% interval]", "{rate:.1%} [{low:.1%}, {high:.1%}]"),
        ),
    )
    curves = study_figures.rejection_curves(counts)
    return Section("calibration", "Calibration", [Gallery([curves]), table])
