"""The sections of a study's report, made from tables of numbers; nothing here computes one."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ethnicmer_jax.analysis import controls
from ethnicmer_jax.analysis.conclusion import Verdict as Finding
from ethnicmer_jax.analysis.study.verdict import Verdict
from ethnicmer_jax.base.contrast_roles import MAIN
from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.report import figures
from ethnicmer_jax.report.document import Block, Gallery, Prose, Section
from ethnicmer_jax.report.study import figures as study_figures
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.report.tables import Column, PValue, Table

RUNS_SHOWN = 40
_UF1 = Column("UF1 [95% interval]", "{estimate:.3f} [{low:.3f}, {high:.3f}]")
_SIGNED = Column("UF1 [95% interval]", "{estimate:+z.3f} [{low:+z.3f}, {high:+z.3f}]")


def main_result(
    advantages: pd.DataFrame, arms: pd.DataFrame, matrix: pd.DataFrame, differences: pd.DataFrame
) -> Section:
    """The main question first, then arms, matrix and differences.

    Args:
      advantages: own-group advantages: columns section, label, estimate, low, high, n_subjects,
        p and detectable; may be empty.
      arms: the cells to draw: columns section, label, estimate, low, high.
      matrix: see `study.figures.train_by_test`; may be empty.
      differences: columns section, label, estimate, low, high, design, n_subjects, p, p_holm
        and detectable.
    """
    drawn = []
    if not advantages.empty:
        drawn.append(_differences_forest(advantages, "advantage_forest", _ADVANTAGE))
    if not matrix.empty:
        drawn.append(study_figures.train_by_test(matrix))
    drawn.append(
        figures.forest(
            arms,
            name="arms_forest",
            caption="Pooled UF1, mean over draws and seeds, with 95% intervals from resampling "
            "subjects.",
            xlabel="UF1",
        )
    )
    if not differences.empty:
        drawn.append(_differences_forest(differences, "differences_forest", _DIFFERENCES))
    tables = []
    if not advantages.empty:
        tables.append(_advantage_table(advantages))
    if not differences.empty:
        tables.append(_difference_table(differences))
    return Section("results", "Main result", [Prose([_EXPLAINED]), Gallery(drawn), *tables])


_EXPLAINED = (
    "The own-group advantage is what it is worth to have been trained on the group that is "
    "tested: UF1 when trained and tested on the same group minus UF1 when trained on the other "
    "group and tested on the same subjects, averaged over the two groups. How good a training "
    "set is in general, and how hard a group is to recognise, cancel. Were displays of emotion "
    "universal, it would be 0. It is the one main question; all other tests are one family "
    "under Holm's correction."
)
_ADVANTAGE = "Own-group advantage in UF1, with 95% intervals from resampling subjects."
_DIFFERENCES = "Differences of pooled UF1, with 95% intervals from resampling subjects."


def _differences_forest(frame: pd.DataFrame, name: str, caption: str) -> Figure:
    return figures.forest(
        frame,
        name=name,
        caption=caption,
        xlabel="difference of UF1",
        references={"no difference": 0.0},
        signed=True,
    )


def _advantage_table(frame: pd.DataFrame) -> Table:
    return Table(
        "advantages",
        "Own-group advantage. p: of the same bootstrap, two-sided. Detectable: the smallest true "
        "advantage that this sample shows with 80% power.",
        frame,
        (
            Column("Groups", "{label}", False),
            Column("Subjects", "{n_subjects:,}"),
            _SIGNED,
            PValue("p", "{p}"),
            Column("Detectable", "{detectable:.3f}"),
        ),
    )


def _difference_table(frame: pd.DataFrame) -> Table:
    return Table(
        "differences",
        "Differences of pooled UF1, mean over draws and seeds. Paired: the same test subjects on "
        "both sides. p: of the same bootstrap, two-sided; adjusted by Holm's method over all "
        "tests but that of the main question.",
        frame,
        (
            Column("Difference", "{label}", False),
            Column("Subjects", "{n_subjects:,}"),
            Column("Design", "{design}", False),
            _SIGNED,
            PValue("p", "{p}"),
            PValue("p (Holm)", "{p_holm}"),
            Column("Detectable", "{detectable:.3f}"),
        ),
    )


def cells(frame: pd.DataFrame, runs: pd.DataFrame) -> Section:
    """Every cell of every contrast, and every run; both folded away.

    Args:
      frame: `study.estimates.arms`.
      runs: `StudyRuns.table`.
    """
    all_cells = Table(
        "cells",
        f"Every contrast and cell ({len(frame):,}): UF1, mean over runs, with 95% intervals from "
        "resampling subjects",
        frame,
        (
            Column("Contrast or job", "{section}", False),
            Column("Cell", "{label}", False),
            Column("Runs", "{n_runs:,}"),
            Column("Subjects", "{n_subjects:,}"),
            Column("Clips a run", "{n_clips:.1f}"),
            _UF1,
            Column("SD over runs", "{sd:.3f}"),
            Column("UAR", "{uar:.3f}"),
        ),
        collapsed=True,
    )
    some = f", the first {RUNS_SHOWN} of {len(runs):,} shown" if len(runs) > RUNS_SHOWN else ""
    every_run = Table(
        "runs",
        f"Every run{some}; tables/runs.csv holds all, metrics.json their groups and classes",
        runs,
        (
            Column("Run", "{run}", False),
            Column("Folds", "{folds:,}"),
            Column("Clips", "{clips:,}"),
            Column("UF1", "{uf1:.3f}"),
            Column("UAR", "{uar:.3f}"),
            Column("Accuracy", "{accuracy:.3f}"),
        ),
        collapsed=True,
        shown=RUNS_SHOWN,
    )
    return Section("cells", "All cells and runs", [all_cells, every_run])


def control_section(
    estimates: pd.DataFrame,
    verdicts: Sequence[Verdict],
    placebos: Sequence[Figure] = (),
    remarks: Sequence[str] = (),
) -> Section:
    """Each control's own estimate, and which differences survived it.

    Args:
      estimates: columns section, label, estimate, low, high, p; may be empty.
      verdicts: what was controlled.
      placebos: figures of the placebo draws.
      remarks: sentences on what else was measured.
    """
    blocks: list[Block] = [Prose(remarks)] if remarks else []
    survived = [_survival(verdict) for verdict in verdicts if verdict.controls]
    drawn = list(placebos)
    if not estimates.empty:
        drawn.append(_differences_forest(estimates, "controls_forest", _CONTROLS))
    if drawn:
        blocks.append(Gallery(drawn))
    if survived:
        blocks.append(_verdict_table(pd.concat(survived, ignore_index=True)))
    if not estimates.empty:
        blocks.append(_estimate_table(estimates))
    return Section("controls", "Controls", blocks or [Prose(["No control was run."])])


_CONTROLS = (
    "What the controls measured, in differences of UF1, with 95% intervals from resampling "
    "subjects. Where ethnicity plays no part the differences to made-up labels lie around 0."
)


def _estimate_table(frame: pd.DataFrame) -> Table:
    return Table(
        "control_estimates",
        f"What the controls measured ({len(frame)}), with p values of the same bootstrap, not "
        "adjusted",
        frame,
        (
            Column("Measured", "{label}", False),
            Column("Kind", "{section}", False),
            _SIGNED,
            PValue("p", "{p}"),
        ),
        collapsed=True,
    )


def _survival(verdict: Verdict) -> pd.DataFrame:
    """One row a control; a difference that was not found has nothing to survive."""
    frame = controls.as_frame(list(verdict.controls)).assign(quantity=verdict.quantity)
    found = verdict.finding.verdict not in (Finding.NO_EVIDENCE, Finding.UNDEFINED)
    return frame if found else frame.assign(verdict="no difference to survive")


def _verdict_table(frame: pd.DataFrame) -> Table:
    names = {"quantity": "Difference", "control": "Control", "result": "Result"}
    names |= {"verdict": "Verdict"}
    return Table(
        "controls",
        "Whether each difference survives each control: the same difference there must exclude "
        "0 on the same side, and placebo groups must rarely differ as much.",
        frame[list(names)],
        [Column(label, f"{{{key}}}", False) for key, label in names.items()],
    )


def matching(frame: pd.DataFrame) -> Section:
    """What was matched across arms; every column is shown, floats with three digits.

    Args:
      frame: column arm (`<contrast>.<cell>`) and any others.
    """
    columns = [_plain(str(key), frame[key]) for key in frame.columns]
    main = frame[[RunId.parse(str(arm)).part == MAIN for arm in frame["arm"]]]
    tables = [
        Table(
            "matching",
            "The arms of the main comparison. Shares are of an arm's clips; kept: the share of "
            "its subjects' clips that matching left; alike in database: the share of its subjects "
            "for whom the other side has one of the same database.",
            main,
            columns,
        ),
        Table(
            "matching_all",
            f"The arms of every contrast ({len(frame):,})",
            frame,
            columns,
            collapsed=True,
            shown=RUNS_SHOWN,
        ),
    ]
    return Section("matching", "What was matched", tables)


def _plain(key: str, values: pd.Series) -> Column:
    """A column under its own name, floats with three digits at most."""
    number = pd.api.types.is_numeric_dtype(values)
    digits = ":.3g" if pd.api.types.is_float_dtype(values) else ""
    return Column(key.replace("_", " ").capitalize(), f"{{{key}{digits}}}", number)


def calibration(counts: pd.DataFrame) -> Section:
    """False-alarm rate and power on simulated databases.

    Args:
      counts: columns series (str), effect (float), rejections and databases (int).
    """
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
