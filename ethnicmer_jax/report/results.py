"""Predictions -> the tidy tables of numbers that a report shows.

Every interval is a subject-cluster bootstrap (`stats.bootstrap`): it speaks about
other subjects, for the models as trained.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd

from ethnicmer_jax import confusion, metrics
from ethnicmer_jax.predictions import Predictions
from ethnicmer_jax.stats import bootstrap

MIN_PERSONS = 2
"""Persons that a group needs within a database to be compared there."""

MAX_SHARE_GAP = 0.1
"""Groups whose share of a database's subjects varies by more than this are confounded."""


def part_scores(predictions: Predictions, group: np.ndarray) -> pd.DataFrame:
    """Scores with intervals for all clips, each group, each database and each pair of them.

    Args:
      predictions: one or more runs; scores are averaged over runs.
      group: the group of each row, str [n]; "" belongs to none.

    Returns:
      One row a part: section, label, n_subjects, n_clips, and for each score its
      estimate, <score>_low and <score>_high; estimate, low and high repeat UF1.
    """
    rows = [
        {"section": section, "label": label} | _scores(predictions.select(mask))
        for section, label, mask in _parts(predictions, group)
    ]
    table = pd.DataFrame(rows)
    return table.assign(estimate=table.uf1, low=table.uf1_low, high=table.uf1_high)


def _parts(predictions: Predictions, group: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    database = predictions.table["database"].to_numpy(object)
    groups = sorted(set(group) - {""})
    databases = sorted(set(database))
    yield "All clips", "pooled", np.ones(len(predictions), bool)
    for name in groups:
        yield "By group", name, group == name
    for name in databases:
        yield "By database", name, database == name
    if len(databases) > 1:
        for base, name in itertools.product(databases, groups):
            mask = (database == base) & (group == name)
            if mask.any():
                yield "By group within database", f"{base}, {name}", mask


def _scores(part: Predictions) -> dict[str, float]:
    row: dict[str, float] = {
        "n_subjects": len(set(part.person)),
        "n_clips": len(set(part.key)),
    }
    for name in confusion.SCORES:
        interval = bootstrap.score_interval(part, name)
        row |= {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return row


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
      Columns database, ethnicity, group ("–" where excluded), subjects, clips and one count
      for each class; then a row of totals.
    """
    table = predictions.table.assign(group=group, person=predictions.person)
    table = table.drop_duplicates(["database", "subject", "clip"])
    rows = []
    for (database, ethnicity, name), part in table.groupby(["database", "ethnicity", "group"]):
        rows.append(
            {"database": database, "ethnicity": ethnicity, "group": name or "–"}
            | _counts(part, predictions.classes)
        )
    total = {"database": "all", "ethnicity": "all", "group": "all"}
    return pd.DataFrame([*rows, total | _counts(table, predictions.classes)])


def _counts(part: pd.DataFrame, classes: tuple[str, ...]) -> dict[str, int]:
    by_class = {name: int((part.emotion == name).sum()) for name in classes}
    return {"subjects": part.person.nunique(), "clips": len(part)} | by_class


def class_scores(predictions: Predictions, group: np.ndarray) -> pd.DataFrame:
    """Per-class F1, recall and false-positive rate, averaged over runs; all clips and each group.

    Returns:
      Columns part, emotion, clips (true clips over all runs), f1, recall,
      false_positive_rate; NaN where undefined in every run.
    """
    parts = [("all", np.ones(len(predictions), bool))]
    parts += [(name, group == name) for name in sorted(set(group) - {""})]
    rows = []
    for name, mask in parts:
        part = predictions.select(mask)
        runs = [metrics.scores(part.of_runs(run)) for run in part.runs]
        clips = part.table.drop_duplicates(["database", "subject", "clip"]).emotion
        for emotion in predictions.classes:
            rates = {
                key: _mean([run[key][emotion] for run in runs])
                for key in ("f1", "recall", "false_positive_rate")
            }
            count = int((clips == emotion).sum())
            rows.append({"part": name, "emotion": emotion, "clips": count} | rates)
    return pd.DataFrame(rows)


def run_scores(predictions: Predictions) -> pd.DataFrame:
    """One row a run: run, folds, clips, uf1, uar, accuracy."""
    rows = []
    for run in predictions.runs:
        part = predictions.of_runs(run)
        pooled = metrics.scores(part)
        row = {"run": run, "folds": part.table["fold"].nunique(), "clips": pooled["n_clips"]}
        rows.append(row | {name: pooled[name] for name in confusion.SCORES})
    return pd.DataFrame(rows)


def pooled_confusion(predictions: Predictions) -> np.ndarray:
    """Confusion matrix summed over runs, int [C, C]."""
    return confusion.confusion_matrix(
        predictions.emotion_index, predictions.predicted, len(predictions.classes)
    )


def group_pairs(group: np.ndarray) -> list[tuple[str, str]]:
    """Every unordered pair of groups, sorted."""
    return list(itertools.combinations(sorted(set(group) - {""}), 2))


def group_difference(
    predictions: Predictions, group: np.ndarray, pair: tuple[str, str], *, level: float
) -> bootstrap.Interval:
    """UF1 of the first group minus that of the second, averaged over runs."""
    first, second = (predictions.select(group == name) for name in pair)
    return bootstrap.difference(first, second, level=level)


def comparable_databases(
    predictions: Predictions, group: np.ndarray, pair: tuple[str, str]
) -> list[str]:
    """Databases in which both groups have at least MIN_PERSONS persons."""
    table = predictions.table.assign(group=group, person=predictions.person)
    persons = table[table.group.isin(pair)].groupby(["database", "group"]).person.nunique()
    enough = persons[persons >= MIN_PERSONS].groupby("database").size()
    return sorted(enough[enough == len(pair)].index)


def confounded(predictions: Predictions, group: np.ndarray, pair: tuple[str, str]) -> bool:
    """Whether the first group's share of subjects differs between databases."""
    table = predictions.table.assign(group=group, person=predictions.person)
    persons = table[table.group.isin(pair)].drop_duplicates("person")
    share = persons.group.eq(pair[0]).groupby(persons.database).mean()
    return bool(share.max() - share.min() > MAX_SHARE_GAP)


def _mean(values: list[float | None]) -> float:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else float("nan")
