"""Predictions -> the tidy tables of numbers that a report shows.

Every interval is a subject-cluster bootstrap (`stats.bootstrap`): it speaks about
other subjects, for the models as trained.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import bootstrap, confusion
from ethnicmer_jax.analysis.counts import mean_of_defined
from ethnicmer_jax.base.predictions import Predictions


def arms(predictions: Predictions) -> np.ndarray:
    """The arm of each row, str [n]: its run id without the draw and the seed."""
    return predictions.of_each_run(lambda run: run.arm).to_numpy(object)


def part_scores(predictions: Predictions, group: np.ndarray) -> pd.DataFrame:
    """Scores with intervals: every arm, and in it each group, database and pair of them.

    Args:
      predictions: one or more runs; scores are averaged over the runs of an arm.
      group: the group of each row, str [n]; "" belongs to none.

    Returns:
      One row a part: section, arm, label, n_runs, n_subjects, n_clips, and for each score its
      estimate, <score>_low and <score>_high.
    """
    arm = arms(predictions)
    return pd.DataFrame(
        {"section": section, "arm": name, "label": label, **_scores(predictions.select(mask))}
        for section, name, label, mask in _parts(predictions, group, arm)
    )


def _parts(
    predictions: Predictions, group: np.ndarray, arm: np.ndarray
) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """(section, arm, label, rows); an arm is named in the label only where there are several."""
    database = predictions.table["database"].to_numpy(object)
    within = np.where(group == "", "", database + ", " + group)
    names = list(dict.fromkeys(arm))
    splits = [("By group", group), ("By database", database)]
    if len(set(database)) > 1:
        splits.append(("By group within database", within))
    for name in names:
        section = "All clips" if len(names) == 1 else "By arm"
        yield section, name, name, arm == name
    for section, values in splits:
        for name in names:
            for value in sorted(set(values[arm == name]) - {""}):
                label = value if len(names) == 1 else f"{name}: {value}"
                yield section, name, label, (arm == name) & (values == value)


def _scores(part: Predictions) -> dict[str, float]:
    row: dict[str, float] = {
        "n_runs": len(part.runs),
        "n_subjects": len(set(part.person)),
        "n_clips": len(set(part.key)),
    }
    for name in confusion.SCORES:
        interval = bootstrap.score_interval(part, name)
        row |= {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return row


def scores_and_baselines(predictions: Predictions, pooled: pd.Series) -> pd.DataFrame:
    """One row a score of one arm: its mean, interval, spread over runs and baselines.

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
            "score": "Accuracy" if score == "accuracy" else score.upper(),
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
    n_classes = len(predictions.classes)
    counts = np.bincount(predictions.emotion_index, minlength=n_classes)
    majority = np.zeros((n_classes, n_classes))
    majority[:, counts.argmax()] = counts
    chance = np.repeat(counts[:, None] / n_classes, n_classes, axis=1)
    return {
        name: {score: float(compute(matrix)) for score, compute in confusion.SCORES.items()}
        for name, matrix in (("majority class", majority), ("chance", chance))
    }


def composition(predictions: Predictions, group: np.ndarray) -> pd.DataFrame:
    """What was tested: one row a (database, ethnicity, group), each clip counted once.

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


def absent_classes(predictions: Predictions, group: np.ndarray) -> list[tuple[str, str]]:
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


def class_scores(predictions: Predictions, group: np.ndarray) -> pd.DataFrame:
    """Per-class scores, averaged over runs, of each arm and of each group in it.

    Returns:
      Columns arm, part ("all" or a group), emotion, clips (each counted once), f1, recall,
      false_positive_rate; NaN where undefined in every run.
    """
    arm = arms(predictions)
    rows = []
    for name in dict.fromkeys(arm):
        parts = {"all": arm == name}
        parts |= {g: (arm == name) & (group == g) for g in sorted(set(group[arm == name]) - {""})}
        for part, mask in parts.items():
            scored = _class_rows(predictions.select(mask))
            rows += [{"arm": name, "part": part} | row for row in scored]
    return pd.DataFrame(rows)


def _class_rows(part: Predictions) -> Iterator[dict]:
    matrices = run_confusions(part)
    rates = {
        "f1": mean_of_defined(confusion.f1(matrices).T),
        "recall": mean_of_defined(confusion.recall(matrices).T),
        "false_positive_rate": mean_of_defined(confusion.false_positive_rate(matrices).T),
    }
    emotions = part.table.drop_duplicates(["database", "subject", "clip"]).emotion
    for index, emotion in enumerate(part.classes):
        clips = int((emotions == emotion).sum())
        yield {"emotion": emotion, "clips": clips} | {k: v[index] for k, v in rates.items()}


def run_scores(predictions: Predictions) -> pd.DataFrame:
    """One row a run: run, folds, clips, uf1, uar, accuracy."""
    matrices = run_confusions(predictions)
    by_run = predictions.table.groupby("run", sort=False)
    scores = {name: score(matrices) for name, score in confusion.SCORES.items()}
    counts = {"folds": by_run["fold"].nunique(), "clips": by_run.size()}
    return pd.DataFrame(counts).reset_index().assign(**scores)


def run_confusions(predictions: Predictions) -> np.ndarray:
    """One confusion matrix a run, int [R, C, C], in the order of `predictions.runs`."""
    run = pd.Categorical(predictions.table["run"], categories=predictions.runs).codes
    return confusion.grouped_confusion(
        predictions.emotion_index,
        predictions.predicted,
        run.astype(np.int64),
        len(predictions.runs),
        len(predictions.classes),
    )
