"""Pooled metrics of every run, and their summary over runs: the content of metrics.json.

Scores are computed once from all test predictions of a run, never averaged over
folds: a fold of one subject rarely has every class, and its macro F1 means little.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats as scipy_stats

from ethnicmer_jax import confusion
from ethnicmer_jax.predictions import Predictions
from ethnicmer_jax.stats import bootstrap
from ethnicmer_jax.stats.subjects import SubjectCounts

Grouping = Mapping[str, str]
"""Ethnicity -> group, e.g. {"Asian": "asian", "White": "non_asian"}; others are left out."""


def compute(
    predictions: Predictions,
    grouping: Grouping | None = None,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """The content of metrics.json; undefined scores are None.

    Args:
      predictions: any number of runs.
      grouping: which ethnicities form which group; each ethnicity is its own
        group when None.
      level: nominal coverage of the intervals.
      n_resamples: of the subject-cluster bootstrap in the summary.
      seed: of the same.

    Returns:
      {"runs": {run: run_metrics(...)}, "summary": summary(...)}.
    """
    rows = _Rows.of(predictions, grouping)
    run = pd.Categorical(predictions.table["run"], categories=predictions.runs).codes
    return {
        "runs": {
            name: _run_metrics(rows.where(run == i)) for i, name in enumerate(predictions.runs)
        },
        "summary": summary(predictions, level=level, n_resamples=n_resamples, seed=seed),
    }


def run_metrics(predictions: Predictions, grouping: Grouping | None = None) -> dict[str, Any]:
    """Pooled metrics of one run: overall, by group, by ethnicity and by database.

    Returns:
      `scores` of the whole run; `n_folds`; `groups`, `ethnicities` and `databases`
      (name -> `scores` of that part); `gaps`, the `fairness_gaps` between groups.

    Raises:
      ValueError: more than one run.
    """
    if len(predictions.runs) != 1:
        raise ValueError(f"metrics are pooled within one run, got {len(predictions.runs)}")
    return _run_metrics(_Rows.of(predictions, grouping))


def scores(predictions: Predictions) -> dict[str, Any]:
    """Scores over all rows: overall, per class, and the confusion matrix [true][predicted]."""
    return _scores(_Rows.of(predictions))


def group_labels(predictions: Predictions, grouping: Grouping | None = None) -> np.ndarray:
    """The group of each row, str [n]; "" where the grouping leaves the ethnicity out."""
    ethnicity = predictions.table["ethnicity"]
    if grouping is None:
        return ethnicity.to_numpy(object)
    return ethnicity.map(dict(grouping)).fillna("").to_numpy(object)


def fairness_gaps(by_group: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """How far groups lie apart, from the `scores` of each.

    Equalised odds (Hardt, Price and Srebro 2016) is the larger of the gaps in
    true- and false-positive rate, one class against the rest. fairlearn's
    `equalized_odds_difference` gives the same numbers where every rate is defined
    (tested); where a group has no clip of a class it takes that rate for 0, and
    here the group is left out of that gap instead.

    Returns:
      {"equalised_odds": {class: gap, ..., "max": gap}, and for each score
      {"worst_group": name, "worst": value, "gap": best - worst}}; None where
      fewer than two groups are defined.
    """
    classes = next(iter(by_group.values()))["classes"] if by_group else []
    odds: dict[str, float | None] = {}
    for name in classes:
        rates = ("recall", "false_positive_rate")
        gaps = [_spread([group[rate][name] for group in by_group.values()]) for rate in rates]
        odds[name] = max((gap for gap in gaps if gap is not None), default=None)
    odds["max"] = max((gap for gap in odds.values() if gap is not None), default=None)
    return {"equalised_odds": odds} | {
        score: _worst_group({name: group[score] for name, group in by_group.items()})
        for score in confusion.SCORES
    }


def summary(
    predictions: Predictions, *, level: float = 0.95, n_resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Scores over the runs given (seeds, draws), with intervals that say what they cover.

    Returns:
      For each score {mean, std, n_runs, interval, interval_kind, subject_interval,
      level}. `interval` is a t-interval of the mean over runs ("t_over_runs": the
      scatter of seeds and draws on these subjects); with a single run it is the
      `subject_interval` ("subject_bootstrap": other subjects, these models).
    """
    return {
        name: _score_summary(predictions, name, level=level, n_resamples=n_resamples, seed=seed)
        for name in confusion.SCORES
    }


def _score_summary(predictions: Predictions, name: str, *, level: float, **how: int) -> dict:
    pooled = SubjectCounts.of(predictions).counts.sum(axis=1)
    values = confusion.SCORES[name](pooled)
    subjects = bootstrap.score_interval(predictions, name, level=level, **how)
    subject_interval = [_number(subjects.low), _number(subjects.high)]
    common = {
        "mean": _number(values.mean()),
        "n_runs": len(values),
        "subject_interval": subject_interval,
        "level": level,
    }
    if len(values) == 1:
        kind = {"std": None, "interval": subject_interval, "interval_kind": "subject_bootstrap"}
        return common | kind
    std = values.std(ddof=1)
    half = scipy_stats.t.ppf((1 + level) / 2, len(values) - 1) * std / np.sqrt(len(values))
    interval = [_number(values.mean() - half), _number(values.mean() + half)]
    return common | {"std": _number(std), "interval": interval, "interval_kind": "t_over_runs"}


@dataclasses.dataclass(frozen=True)
class _Rows:
    """What metrics need of n rows, read once from the table however many runs it has."""

    classes: tuple[str, ...]
    truth: np.ndarray
    predicted: np.ndarray
    labels: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, predictions: Predictions, grouping: Grouping | None = None) -> _Rows:
        labels = {name: predictions.table[name] for name in ("fold", "ethnicity", "database")}
        labels |= {"person": predictions.person, "group": group_labels(predictions, grouping)}
        return cls(
            predictions.classes,
            predictions.emotion_index,
            predictions.predicted,
            {name: np.asarray(values, object) for name, values in labels.items()},
        )

    def where(self, mask: np.ndarray) -> _Rows:
        labels = {name: values[mask] for name, values in self.labels.items()}
        return _Rows(self.classes, self.truth[mask], self.predicted[mask], labels)


def _run_metrics(rows: _Rows) -> dict[str, Any]:
    by_group = _by(rows, "group")
    return {
        **_scores(rows),
        "n_folds": len(set(rows.labels["fold"])),
        "groups": by_group,
        "ethnicities": _by(rows, "ethnicity"),
        "databases": _by(rows, "database"),
        "gaps": fairness_gaps(by_group),
    }


def _by(rows: _Rows, label: str) -> dict[str, dict[str, Any]]:
    """`scores` of the rows of each value of a label; rows labelled "" are in no part."""
    values = rows.labels[label]
    return {name: _scores(rows.where(values == name)) for name in sorted(set(values) - {""})}


def _scores(rows: _Rows) -> dict[str, Any]:
    counts = confusion.confusion_matrix(rows.truth, rows.predicted, len(rows.classes))
    per_class = {
        "f1": confusion.f1(counts),
        "recall": confusion.recall(counts),
        "false_positive_rate": confusion.false_positive_rate(counts),
    }
    return {
        **{name: _number(score(counts)) for name, score in confusion.SCORES.items()},
        **{
            name: dict(zip(rows.classes, map(_number, values), strict=True))
            for name, values in per_class.items()
        },
        "confusion": counts.tolist(),
        "classes": list(rows.classes),
        "n_clips": len(rows.truth),
        "n_subjects": len(set(rows.labels["person"])),
    }


def _worst_group(values: Mapping[str, float | None]) -> dict[str, Any]:
    defined = {name: value for name, value in values.items() if value is not None}
    worst = min(defined, key=defined.__getitem__, default=None)
    return {
        "worst_group": worst,
        "worst": defined.get(worst),
        "gap": _spread(list(defined.values())),
    }


def _spread(values: Sequence[float | None]) -> float | None:
    """Largest minus smallest of what is defined; None with fewer than two."""
    defined = [value for value in values if value is not None]
    return max(defined) - min(defined) if len(defined) > 1 else None


def _number(value: float) -> float | None:
    """JSON has no NaN: an undefined score is null."""
    return None if np.isnan(value) else float(value)
