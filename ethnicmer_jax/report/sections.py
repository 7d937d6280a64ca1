"""The sections of a job's report, each made from the inputs and the tables of `results`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ethnicmer_jax.report import figures, results
from ethnicmer_jax.report.document import Facts, Gallery, Listing, Note, Prose, Section
from ethnicmer_jax.report.inputs import Inputs, flatten
from ethnicmer_jax.report.tables import Column, Table

MANY_RUNS = 6
_INTERVALS = (
    "Intervals are 95% subject-cluster bootstrap intervals: they speak about other subjects, "
    "for the models as trained."
)
_SCORE_LABELS = {"uf1": "UF1", "uar": "UAR", "accuracy": "Accuracy"}
_NOT_RECORDED = "not recorded"


def what_was_run(inputs: Inputs) -> Section:
    """Configuration, protocol, program and machine, as recorded in the files."""
    config, environment = inputs.config, inputs.environment
    data = config.get("data", {})
    protocol = config.get("protocol", {})
    facts = [
        ("Configuration", config.get("name") or inputs.name),
        ("Data source", _of(data, "source")),
        ("Protocol", _of(protocol, "name") if isinstance(protocol, Mapping) else str(protocol)),
        ("Ethnic groups", _grouping_text(inputs.grouping)),
        ("Runs", f"{len(inputs.predictions.runs):,}"),
        ("Folds", f"{inputs.predictions.table.groupby('run')['fold'].nunique().sum():,}"),
    ]
    settings = pd.DataFrame(flatten(config), columns=["setting", "value"])
    table = Table(
        "configuration",
        f"Every setting of the configuration ({len(settings)})",
        settings,
        (Column("Setting", "{setting}", False), Column("Value", "{value}", False)),
        collapsed=True,
    )
    recorded = [Facts(list(environment.items()))] if environment else []
    return Section("run", "What was run", [Facts(facts), *recorded, *([table] if config else [])])


def data_card(inputs: Inputs, group: np.ndarray) -> Section:
    """Who and what was tested."""
    predictions = inputs.predictions
    frame = results.composition(predictions, group)
    classes = [Column(name.capitalize(), f"{{{name}:,}}") for name in predictions.classes]
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
            *classes,
        ),
    )
    lead = f"{total.clips:,} clips of {total.subjects:,} subjects were tested."
    blocks: list = [Prose([lead]), table]
    for pair in results.group_pairs(group):
        if results.confounded(predictions, group, pair):
            blocks.append(
                Note(
                    f"{pair[0]} and {pair[1]} are spread unevenly over the databases, so a "
                    "difference between them may be a difference between databases."
                )
            )
    return Section("data", "Data card", blocks)


def main_results(inputs: Inputs, parts: pd.DataFrame, runs: pd.DataFrame) -> Section:
    """Pooled scores against the baselines, the forest plot and the confusion matrix."""
    predictions = inputs.predictions
    baselines = results.baselines(predictions)
    n_runs = len(predictions.runs)
    frame = _score_table(parts.iloc[0], runs, baselines)
    table = Table(
        "main_results",
        f"Pooled scores, {_runs_text(n_runs)}. {_INTERVALS} SD is the spread over runs.",
        frame,
        (
            Column("Score", "{score}", False),
            Column("Mean", "{mean:.3f}"),
            Column("95% interval", "[{low:.3f}, {high:.3f}]"),
            Column("SD", "{sd:.3f}"),
            Column("Majority class", "{majority_class:.3f}"),
            Column("Chance", "{chance:.3f}"),
        ),
    )
    references = {name: values["uf1"] for name, values in baselines.items()}
    forest = figures.forest(
        parts,
        name="uf1_forest",
        caption=f"UF1 of all clips and of their parts, {_runs_text(n_runs)}. {_INTERVALS} "
        "Vertical lines: baselines over all clips.",
        xlabel="UF1",
        references=references,
    )
    matrix = figures.confusion(
        results.pooled_confusion(predictions),
        predictions.classes,
        name="confusion",
        of=f"{len(predictions):,} predictions, {_runs_text(n_runs)}",
    )
    return Section("results", "Results", [table, Gallery([forest]), Gallery([matrix])])


def part_tables(inputs: Inputs, parts: pd.DataFrame, group: np.ndarray) -> Section:
    """Scores by group, by database and by class."""
    tables = [
        _part_table(parts[parts.section == section], name, section)
        for section, name in (
            ("By group", "groups"),
            ("By database", "databases"),
            ("By group within database", "groups_within_databases"),
        )
        if (parts.section == section).any()
    ]
    per_class = Table(
        "classes",
        "Scores of each class, averaged over runs. Recall is the share of the class that was "
        "recognised; the false-positive rate is the share of other clips taken for it.",
        results.class_scores(inputs.predictions, group),
        (
            Column("Class", "{emotion}", False),
            Column("Part", "{part}", False),
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
        f"Scores of every run ({len(runs)})",
        runs,
        (
            Column("Run", "{run}", False),
            Column("Folds", "{folds:,}"),
            Column("Clips", "{clips:,}"),
            *(Column(label, f"{{{score}:.3f}}") for score, label in _SCORE_LABELS.items()),
        ),
        collapsed=len(runs) > MANY_RUNS,
    )
    return Section("runs", "Runs", [table])


def learning_curves(scalars: pd.DataFrame) -> Section:
    """One figure for each family of curves (names that end alike share an axis)."""
    keys = [
        key
        for key in scalars.columns.drop(["epoch", "group", "run"], errors="ignore")
        if pd.api.types.is_numeric_dtype(scalars[key]) and scalars[key].notna().any()
    ]
    families = dict.fromkeys(key.rsplit("_", 1)[-1] for key in keys)
    drawn = [
        figures.curves(
            _curve_points(scalars, [key for key in keys if key.rsplit("_", 1)[-1] == family]),
            name=f"curves_{family}",
            ylabel=family,
            caption=f"Training {family} by epoch: mean over groups of folds; "
            "the band holds the central 90% of them.",
        )
        for family in families
    ]
    if not drawn:
        return Section("curves", "Learning curves", [Prose(["No training curve was recorded."])])
    note = "All curves are of training clips: test clips play no part in training."
    return Section("curves", "Learning curves", [Prose([note]), Gallery(drawn)])


def methods(inputs: Inputs) -> Section:
    """How the numbers were made, in words."""
    return Section(
        "methods",
        "Methods",
        [
            Prose(
                [
                    "Every prediction is of a clip whose subject took no part in training the "
                    "model that made it. Scores are computed once from all test predictions of "
                    "a run (pooled), never averaged over folds. UF1 is the unweighted mean of the "
                    "F1 scores of the classes, UAR that of their recalls.",
                    "Intervals come from resampling whole subjects with replacement, because "
                    "clips of one subject are not independent; they are percentile intervals "
                    "expanded for the number of subjects. They do not cover what other training "
                    "subjects would have changed. A difference between groups counts as found "
                    "only if its interval excludes 0, and as separable from database only if it "
                    "shows within one database as well; where more than two groups are compared, "
                    "the intervals are widened to hold jointly (Bonferroni).",
                    "The majority-class baseline always answers the most frequent class; the chance "
                    "baseline gives every class with equal probability.",
                ]
            )
        ],
    )


def responsible_use() -> Section:
    """What the results must not be used for."""
    return Section(
        "use",
        "Responsible use",
        [
            Note(
                "This is research about groups of people in databases. Nothing here supports a "
                "claim about what an individual feels, intends or is, and it must not be used to "
                "judge one. Ethnicity labels made by an algorithm are uncertain, "
                "simplify how people describe themselves, and are no ground truth. A difference in "
                "scores is a property of a model and its data, not of people."
            )
        ],
    )


def reproduce(inputs: Inputs) -> Section:
    """The commands that make the job and this report again."""
    command = inputs.environment.get("command") or inputs.config.get("command")
    made = command or "python -m ethnicmer_jax.main --config=CONFIG --workdir=DIR"
    listing = f"# the whole job\n{made}\n\n# this report, from the files of the work directory\n"
    listing += "python -m ethnicmer_jax.main --config=CONFIG --workdir=DIR --mode=report"
    files = (
        "Figures lie beside this page as PNG and SVG in figures/, tables as CSV (full precision) "
        "and LaTeX in tables/. Everything is computed from predictions.csv."
    )
    return Section("reproduce", "How to reproduce", [Listing(listing), Prose([files])])


def _score_table(
    pooled: pd.Series, runs: pd.DataFrame, baselines: Mapping[str, Mapping[str, float]]
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "score": label,
            "mean": pooled[score],
            "low": pooled[f"{score}_low"],
            "high": pooled[f"{score}_high"],
            "sd": runs[score].std(ddof=1),
            "majority_class": baselines["majority class"][score],
            "chance": baselines["chance"][score],
        }
        for score, label in _SCORE_LABELS.items()
    )


def _part_table(frame: pd.DataFrame, name: str, section: str) -> Table:
    scores = [
        Column(label, f"{{{score}:.3f}} [{{{score}_low:.3f}}, {{{score}_high:.3f}}]")
        for score, label in _SCORE_LABELS.items()
    ]
    return Table(
        name,
        f"{section}. {_INTERVALS}",
        frame.drop(columns=["section", "estimate", "low", "high"]),
        (
            Column(section.removeprefix("By ").capitalize(), "{label}", False),
            Column("Subjects", "{n_subjects:,}"),
            Column("Clips", "{n_clips:,}"),
            *scores,
        ),
    )


def _curve_points(scalars: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Columns series, x, mean, low, high: one row a (key, epoch)."""
    long = scalars.melt(id_vars="epoch", value_vars=list(keys), var_name="series").dropna()
    by_epoch = long.groupby(["series", "epoch"], sort=False).value
    points = by_epoch.agg(
        mean="mean", low=lambda v: v.quantile(0.05), high=lambda v: v.quantile(0.95)
    )
    points = points.reset_index().rename(columns={"epoch": "x"}).sort_values(["series", "x"])
    return points.assign(series=points.series.str.replace("_", " "))


def _grouping_text(grouping: Mapping[str, str] | None) -> str:
    if grouping is None:
        return "each ethnicity label is its own group"
    names = dict.fromkeys(grouping.values())
    return "; ".join(
        f"{name}: {', '.join(e for e, g in grouping.items() if g == name)}" for name in names
    )


def _of(mapping: Mapping, key: str) -> str:
    return str(mapping.get(key) or _NOT_RECORDED)


def _runs_text(count: int) -> str:
    return "one run" if count == 1 else f"mean over {count:,} runs"
