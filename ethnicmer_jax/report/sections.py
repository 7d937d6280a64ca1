"""The sections of a job's report that show numbers, made from the tables of `results`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import comparisons, results
from ethnicmer_jax.report import figures
from ethnicmer_jax.report.document import Block, Gallery, Note, Prose, Section
from ethnicmer_jax.report.files import Inputs
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.report.tables import Column, Table

MANY_RUNS = 6
"""Longer tables of runs are folded away."""

_INTERVALS = (
    "Intervals: 95%, from resampling subjects. They speak about other subjects, for the "
    "models as trained."
)
_SCORES = {"uf1": "UF1", "uar": "UAR", "accuracy": "Accuracy"}


def main_results(inputs: Inputs, parts: pd.DataFrame) -> Section:
    """Pooled scores of each arm against the baselines, a forest plot, confusion matrices."""
    predictions = inputs.predictions
    arm = results.arms(predictions)
    by_arm = {name: predictions.select(arm == name) for name in dict.fromkeys(arm)}
    frame = pd.concat(
        results.scores_and_baselines(part, pooled)
        for part, (_, pooled) in zip(by_arm.values(), parts.iterrows(), strict=False)
    )
    table = Table(
        "main_results",
        f"Pooled scores, mean over the runs of an arm. {_INTERVALS} "
        "SD: spread over runs (seeds, draws).",
        frame,
        (
            Column("Arm", "{arm}", False),
            Column("Score", "{score}", False),
            Column("Runs", "{n_runs:,}"),
            Column("Mean", "{mean:.3f}"),
            Column("95% interval", "[{low:.3f}, {high:.3f}]"),
            Column("SD", "{sd:.3f}"),
            Column("Majority class", "{majority_class:.3f}"),
            Column("Chance", "{chance:.3f}"),
        ),
    )
    matrices = [
        figures.confusion(
            results.run_confusions(part).sum(axis=0),
            predictions.classes,
            name="confusion" if len(by_arm) == 1 else f"confusion_{number}",
            of=f"{name}, summed over {_runs_text(part.runs)}",
        )
        for number, (name, part) in enumerate(by_arm.items(), start=1)
    ]
    forest = _forest(parts, frame, single=len(by_arm) == 1)
    galleries = [[forest, *matrices]] if len(by_arm) == 1 else [[forest], matrices]
    return Section("results", "Results", [table, *map(Gallery, galleries)])


def differences(compared: Sequence[comparisons.Comparison]) -> Section:
    """Differences between arms and between groups, with their verdicts."""
    if not compared:
        return Section(
            "differences", "Differences", [Prose(["One arm and one group: nothing to compare."])]
        )
    frame = pd.DataFrame(
        {
            "section": f"Between {comparison.of}",
            "label": comparison.label,
            "estimate": comparison.interval.estimate,
            "low": comparison.interval.low,
            "high": comparison.interval.high,
            "design": comparison.interval.design,
            "subjects": comparison.interval.n_persons,
            "verdict": comparison.finding.verdict.value,
        }
        for comparison in compared
    )
    level = compared[0].interval.level
    stated = f"{100 * level:.4g}% intervals" if len(frame) == 1 else _joint(level)
    table = Table(
        "differences",
        f"Differences of pooled UF1, mean over runs ({stated}), and what they allow one to say. "
        "Paired: the same subjects on both sides.",
        frame,
        (
            Column("Difference", "{label}", False),
            Column("UF1 [interval]", "{estimate:+.3f} [{low:+.3f}, {high:+.3f}]"),
            Column("Subjects", "{subjects:,}"),
            Column("Design", "{design}", False),
            Column("Verdict", "{verdict}", False),
        ),
    )
    plot = figures.forest(
        frame,
        name="differences_forest",
        caption=f"Differences of pooled UF1 ({stated}).",
        xlabel="difference of UF1",
        references={"no difference": 0.0},
        signed=True,
    )
    return Section("differences", "Differences", [table, Gallery([plot])])


def data_card(inputs: Inputs, group: np.ndarray) -> Section:
    """Who and what was tested."""
    predictions = inputs.predictions
    frame = results.composition(predictions, group)
    total = frame.iloc[-1]
    table = Table(
        "data_card",
        "Tested clips and subjects by database, ethnicity label and class. "
        "A clip that several runs test is counted once.",
        frame,
        (
            Column("Database", "{database}", False),
            Column("Ethnicity", "{ethnicity}", False),
            Column("Group", "{group}", False),
            Column("Subjects", "{subjects:,}"),
            Column("Clips", "{clips:,}"),
            *(Column(name.capitalize(), f"{{{name}:,}}") for name in predictions.classes),
        ),
    )
    lead = f"{total.clips:,} clips of {total.subjects:,} subjects were tested."
    blocks: list[Block] = [Prose([lead]), table]
    blocks += [
        Note(
            f"{first} and {second} are spread unevenly over the databases, so a difference "
            "between them may be a difference between databases."
        )
        for first, second in comparisons.pairs(group)
        if comparisons.confounded(predictions, group, (first, second))
    ]
    blocks += [
        Note(f"{name} has no {absent} clip: its UF1 and UAR are over fewer classes than others'.")
        for name, absent in results.absent_classes(predictions, group)
    ]
    return Section("data", "Data card", blocks)


def part_tables(inputs: Inputs, parts: pd.DataFrame, group: np.ndarray) -> Section:
    """Scores by group, by database and by class."""
    tables = [
        _part_table(frame, section)
        for section, frame in parts.groupby("section", sort=False)
        if section not in ("All clips", "By arm")
    ]
    per_class = Table(
        "classes",
        "Scores of each class, mean over runs. Recall: share of the class that was recognised. "
        "False-positive rate: share of other clips taken for it.",
        results.class_scores(inputs.predictions, group),
        (
            Column("Arm", "{arm}", False),
            Column("Group", "{part}", False),
            Column("Class", "{emotion}", False),
            Column("Clips", "{clips:,}"),
            Column("F1", "{f1:.3f}"),
            Column("Recall", "{recall:.3f}"),
            Column("False-positive rate", "{false_positive_rate:.3f}"),
        ),
    )
    return Section("parts", "Groups, databases, classes", [*tables, per_class])


def runs_section(runs: pd.DataFrame) -> Section:
    """The scores of every run."""
    table = Table(
        "runs",
        f"Scores of every run ({len(runs):,})",
        runs,
        (
            Column("Run", "{run}", False),
            Column("Folds", "{folds:,}"),
            Column("Clips", "{clips:,}"),
            *(Column(label, f"{{{score}:.3f}}") for score, label in _SCORES.items()),
        ),
        collapsed=len(runs) > MANY_RUNS,
    )
    return Section("runs", "Runs", [table])


def learning_curves(scalars: pd.DataFrame) -> Section:
    """One figure for each family of curves: names that end alike share an axis."""
    keys = [
        key
        for key in scalars.columns.drop(["epoch", "flight", "run"])
        if pd.api.types.is_numeric_dtype(scalars[key]) and scalars[key].notna().any()
    ]
    families: dict[str, list[str]] = {}
    for key in keys:
        families.setdefault(key.rsplit("_", 1)[-1], []).append(key)
    if not families:
        return Section("curves", "Learning curves", [Prose(["No training curve was recorded."])])
    drawn = [
        figures.curves(
            _curve_points(scalars, members),
            name=f"curves_{number}",
            ylabel=family,
            caption=f"Training {family} by epoch: mean over sets of folds trained side by side; "
            "the band holds the central 90% of them.",
        )
        for number, (family, members) in enumerate(families.items(), start=1)
    ]
    note = "All curves are of training clips: test clips play no part in training."
    return Section("curves", "Learning curves", [Prose([note]), Gallery(drawn)])


def _forest(parts: pd.DataFrame, scores: pd.DataFrame, *, single: bool) -> Figure:
    """UF1 of every part; the baselines only where they are the same for all rows."""
    uf1 = scores[scores.score == "UF1"].iloc[0]
    baselines = {"majority class": uf1.majority_class, "chance": uf1.chance}
    caption = f"UF1 of all clips and of their parts, mean over runs. {_INTERVALS}"
    rows = parts.assign(estimate=parts.uf1, low=parts.uf1_low, high=parts.uf1_high)
    return figures.forest(
        rows,
        name="uf1_forest",
        caption=f"{caption} Vertical lines: baselines over all clips." if single else caption,
        xlabel="UF1",
        references=baselines if single else None,
    )


def _part_table(frame: pd.DataFrame, section: str) -> Table:
    name = section.removeprefix("By ")
    scores = [
        Column(label, f"{{{score}:.3f}} [{{{score}_low:.3f}}, {{{score}_high:.3f}}]")
        for score, label in _SCORES.items()
    ]
    return Table(
        name.replace(" ", "_"),
        f"{section}. {_INTERVALS}",
        frame.drop(columns="section"),
        (
            Column(name.capitalize(), "{label}", False),
            Column("Subjects", "{n_subjects:,}"),
            Column("Clips", "{n_clips:,}"),
            *scores,
        ),
    )


def _curve_points(scalars: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Columns series, x, mean, low, high: one row a (key, epoch)."""
    long = scalars.melt(id_vars="epoch", value_vars=list(keys), var_name="series").dropna()
    points = long.groupby(["series", "epoch"], as_index=False, sort=False).agg(
        mean=("value", "mean"),
        low=("value", lambda values: values.quantile(0.05)),
        high=("value", lambda values: values.quantile(0.95)),
    )
    points = points.rename(columns={"epoch": "x"}).sort_values(["series", "x"])
    return points.assign(series=points.series.str.replace("_", " "))


def _joint(level: float) -> str:
    return f"{100 * level:.4g}% intervals, which together hold with 95%"


def _runs_text(runs: Sequence[str]) -> str:
    return "one run" if len(runs) == 1 else f"{len(runs):,} runs"
