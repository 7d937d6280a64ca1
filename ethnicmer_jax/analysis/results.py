"""Predictions -> the tidy tables of numbers that a report shows.

Every interval is a subject-cluster bootstrap (`intervals`): it speaks about
other subjects, for the models as trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from jaxtyping import Int, Shaped

from ethnicmer_jax.analysis import confusion, intervals
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.predictions import Predictions


def arms(predictions: Predictions) -> Shaped[np.ndarray, " rows"]:
    """The arm of each row, str: its run id without the draw and the seed."""
    return predictions.of_each_run(lambda run: run.arm).to_numpy(object)


def counts_of_arms(predictions: Predictions) -> dict[str, Counts]:
    """The counts of each arm, over the persons whom its runs test, by its name."""
    arm = arms(predictions)
    return {name: Counts.of(predictions.select(arm == name)) for name in dict.fromkeys(arm)}


def part_scores(predictions: Predictions, group: Shaped[np.ndarray, " rows"]) -> pd.DataFrame:
    """Scores with intervals: every arm, and in it each group, database and pair of them.

    Args:
      predictions: one or more runs; scores are averaged over the runs of an arm.
      group: the group of each row, str; "" belongs to none.

    Returns:
      One row per part: section, arm, label, n_runs, n_subjects, n_clips, and for each score its
      estimate, <score>_low and <score>_high.
    """
    arm, database = arms(predictions), predictions.table["database"].to_numpy(object)
    splits: dict[str, tuple[np.ndarray, Callable[[str], str]]] = {
        "By group": (group, labels.group),
        "By database": (database, labels.database),
    }
    if len(set(database)) > 1:
        pairs = np.where(group == "", "", database + "/" + group)
        splits["By group within database"] = (pairs, _database_and_group)
    by_arm = counts_of_arms(predictions)
    whole = "All clips" if len(by_arm) == 1 else "By arm"
    rows = [
        {"section": whole, "arm": name, "label": labels.run(name)}
        | _scores(counts, predictions.key[arm == name])
        for name, counts in by_arm.items()
    ]
    for section, (part, shown) in splits.items():
        for name in by_arm:
            of_arm, own = predictions.select(arm == name), part[arm == name]
            where = "" if len(by_arm) == 1 else f"{labels.run(name)}: "
            rows += [
                {"section": section, "arm": name}
                | {"label": f"{where}{shown(value)}"}
                | _scores(counts, of_arm.key[own == value])
                for value, counts in Counts.by(of_arm, own)
            ]
    return pd.DataFrame(rows)


def _database_and_group(pair: str) -> str:
    """`CASME II, Asian`; neither name may hold a slash."""
    database, _, group = pair.rpartition("/")
    return f"{labels.database(database)}, {labels.group(group)}"


def _scores(counts: Counts, clips: Shaped[np.ndarray, " rows"]) -> dict[str, float]:
    """The scores of a part, of which `clips` are the keys of all rows."""
    counts = counts.tested_only()
    row: dict[str, float] = {
        "n_runs": len(counts.runs),
        "n_subjects": len(counts.persons),
        "n_clips": len(set(clips)),
    }
    for name, interval in intervals.score_intervals(counts).items():
        row |= {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return row


def scores_and_baselines(predictions: Predictions, pooled: pd.Series) -> pd.DataFrame:
    """One row per score of one arm: its mean, interval, spread over runs and baselines.

    Args:
      predictions: the runs of the arm.
      pooled: the arm's row of `part_scores`.

    Returns:
      Columns arm, score, n_runs, mean, low, high, sd (NaN for one run), majority_class, chance.
    """
    runs, reference = run_scores(predictions), baselines(predictions)
    return pd.DataFrame(
        {
            "arm": pooled["arm"],
            "score": confusion.LABELS[score],
            "n_runs": len(runs),
            "mean": pooled[score],
            "low": pooled[f"{score}_low"],
            "high": pooled[f"{score}_high"],
            "sd": runs[score].std(ddof=1),
            "majority_class": reference["majority class"][score],
            "chance": reference["chance"][score],
        }
        for score in confusion.SCORES
    )


def baselines(predictions: Predictions) -> dict[str, dict[str, float]]:
    """Scores of two answers that look at no clip, from the pooled class counts.

    Returns:
      "majority class": always the most frequent class; "chance": every class with equal
      probability (scores of the expected confusion matrix). Each maps score -> value.
    """
    counts = Counts.of(predictions).pooled.sum(axis=(0, 2))
    n_classes = len(counts)
    majority = np.zeros((n_classes, n_classes))
    majority[:, counts.argmax()] = counts
    chance = np.repeat(counts[:, None] / n_classes, n_classes, axis=1)
    return {
        name: {score: float(compute(matrix)) for score, compute in confusion.SCORES.items()}
        for name, matrix in (("majority class", majority), ("chance", chance))
    }


def composition(predictions: Predictions, group: Shaped[np.ndarray, " rows"]) -> pd.DataFrame:
    """What was tested: one row per (database, ethnicity, group), each clip counted once.

    Returns:
      Columns database, ethnicity, group ("excluded" where it belongs to none), subjects, clips
      and one count for each class; then a row of totals.
    """
    table = predictions.table.assign(group=group, person=predictions.person)
    table = table.drop_duplicates(["database", "subject", "clip"])
    rows = []
    for (database, ethnicity, name), part in table.groupby(["database", "ethnicity", "group"]):
        rows.append(
            {"database": database, "ethnicity": ethnicity, "group": name or "excluded"}
            | _counts(part, predictions.classes)
        )
    total = {"database": "all", "ethnicity": "all", "group": "all"}
    return pd.DataFrame([*rows, total | _counts(table, predictions.classes)])


def absent_classes(
    predictions: Predictions, group: Shaped[np.ndarray, " rows"]
) -> list[tuple[str, str]]:
    """Every (group, class) of which no clip was tested."""
    emotion = predictions.table["emotion"].to_numpy(object)
    return [
        (name, wanted)
        for name in sorted(set(group) - {""})
        for wanted in predictions.classes
        if not ((group == name) & (emotion == wanted)).any()
    ]


def _counts(part: pd.DataFrame, classes: tuple[str, ...]) -> dict[str, int]:
    by_class = {name: int((part.emotion == name).sum()) for name in classes}
    return {"subjects": part.person.nunique(), "clips": len(part)} | by_class


def class_scores(predictions: Predictions, group: Shaped[np.ndarray, " rows"]) -> pd.DataFrame:
    """Per-class scores, averaged over runs, of each arm and of each group in it.

    Returns:
      Columns arm, part ("all" or a group), emotion, clips (each counted once), f1, recall,
      false_positive_rate; NaN where undefined in every run.
    """
    arm = arms(predictions)
    rows = []
    for name, counts in counts_of_arms(predictions).items():
        of_arm, own = predictions.select(arm == name), group[arm == name]
        parts = {"all": (counts, np.ones(len(own), bool))}
        parts |= {value: (part, own == value) for value, part in Counts.by(of_arm, own)}
        for part, (part_counts, mask) in parts.items():
            scored = _class_rows(part_counts.tested_only(), of_arm.table[mask])
            rows += [{"arm": name, "part": part} | row for row in scored]
    return pd.DataFrame(rows)


def _class_rows(counts: Counts, table: pd.DataFrame) -> Iterator[dict]:
    rates = {
        name: confusion.mean_of_defined(rate(counts.pooled).T)
        for name, rate in confusion.CLASS_RATES.items()
    }
    emotions = table.drop_duplicates(["database", "subject", "clip"]).emotion
    for index, emotion in enumerate(counts.classes):
        clips = int((emotions == emotion).sum())
        yield {"emotion": emotion, "clips": clips} | {k: v[index] for k, v in rates.items()}


def run_scores(predictions: Predictions, counts: Counts | None = None) -> pd.DataFrame:
    """One row per run: run, folds, clips, uf1, uar, accuracy.

    Args:
      predictions: any runs.
      counts: theirs, where they are known already.
    """
    counts = counts or Counts.of(predictions)
    scores = {name: score(counts.pooled) for name, score in confusion.SCORES.items()}
    sizes = {"folds": folds_of_runs(predictions), "clips": counts.pooled.sum(axis=(1, 2))}
    return pd.DataFrame({"run": counts.runs, **sizes, **scores})


def folds_of_runs(predictions: Predictions) -> Int[np.ndarray, " runs"]:
    """How many folds each run has."""
    pairs = pd.DataFrame({"run": predictions.run_index, "fold": predictions.table["fold"]})
    return np.bincount(pairs.drop_duplicates()["run"], minlength=len(predictions.runs))
