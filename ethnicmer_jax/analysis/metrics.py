"""Pooled metrics of every run, and their summary for every arm: the content of metrics.json.

Scores are computed once from all test predictions of a run, never averaged over folds: a
fold of one subject rarely has every class, and its macro F1 means little. Means are taken
over the runs (draws, seeds) of one arm, never over arms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Shaped

from ethnicmer_jax.analysis import confusion, intervals, results
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.base import reportable
from ethnicmer_jax.base.predictions import Predictions


def compute(predictions: Predictions, members: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The content of metrics.json; undefined scores are None.

    Args:
      predictions: any number of runs.
      members: ethnicity -> group, e.g. {"Asian": "asian", "White": "non_asian"}, others in
        no group; each ethnicity is its own group when None.

    Returns:
      {"runs": by_run(...), "summary": summary(...), "databases": of_databases(...)}; before them
      "not_reportable": why, where these scores must not be reported.
    """
    reason = predictions.not_reportable
    return {
        **({reportable.COLUMN: reason} if reason else {}),
        "runs": by_run(predictions, members),
        "summary": summary(predictions),
        "databases": of_databases(predictions),
    }


def by_run(
    predictions: Predictions, members: Mapping[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    """Pooled metrics of every run: overall, by group, by ethnicity and by database.

    Args:
      predictions: any number of runs.
      members: ethnicity -> group, see `compute`.

    Returns:
      For every run, in the order of first appearance: the scores of all its clips (uf1, uar,
      accuracy; f1, recall and false_positive_rate by class; the confusion matrix
      `[true][predicted]`; classes, n_clips, n_subjects); n_folds; `groups`, `ethnicities` and
      `databases` (name -> the scores of that part); `gaps`, the `fairness_gaps` of the groups.
    """
    labels = {
        "all": np.full(len(predictions), "all", object),
        "groups": group_labels(predictions, members),
        "ethnicities": predictions.table["ethnicity"].to_numpy(object),
        "databases": predictions.table["database"].to_numpy(object),
    }
    parts = {kind: _parts(predictions, label) for kind, label in labels.items()}
    n_folds = results.folds_of_runs(predictions)
    return {run: _of_run(parts, i, int(n_folds[i])) for i, run in enumerate(predictions.runs)}


def summary(predictions: Predictions) -> dict[str, dict[str, Any]]:
    """Scores of every arm, averaged over its runs (seeds, draws).

    Returns:
      {arm: {score: {mean, sd, n_runs, n_subjects, interval: [low, high], level}}}. The interval
      comes from resampling subjects; sd is the spread over runs, None for a single one.
    """
    return {arm: _summary_of(counts) for arm, counts in results.counts_of_arms(predictions).items()}


def of_databases(predictions: Predictions) -> dict[str, dict[str, dict[str, Any]]]:
    """The same within each database of an arm that tests several; not of a study's contrasts.

    Returns:
      {arm: {database: {score: ...}}}, see `summary`.
    """
    outside = predictions.select(predictions.of_each_run(lambda run: not run.contrast))
    arm, database = results.arms(outside), outside.table["database"].to_numpy(object)
    found = {}
    for name in dict.fromkeys(arm):
        of_arm, own = outside.select(arm == name), database[arm == name]
        if len(set(own)) > 1:
            parts = Counts.by(of_arm, own)
            found[name] = {value: _summary_of(part.tested_only()) for value, part in parts}
    return found


def group_labels(
    predictions: Predictions, members: Mapping[str, str] | None = None
) -> Shaped[np.ndarray, " rows"]:
    """The group of each row, str; "" where `members` leaves the ethnicity out."""
    ethnicity = predictions.table["ethnicity"]
    if members is None:
        return ethnicity.to_numpy(object)
    return np.array([members.get(name, "") for name in ethnicity], object)


def fairness_gaps(by_group: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """How far groups lie apart, from the scores of each (see `by_run`).

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


def _parts(predictions: Predictions, label: np.ndarray) -> dict[str, list[dict[str, Any] | None]]:
    """Label -> the scores of its rows in each run; None for a run without such rows."""
    return {name: _scores(counts) for name, counts in Counts.by(predictions, label)}


def _scores(counts: Counts) -> list[dict[str, Any] | None]:
    pooled, n_subjects = counts.pooled, counts.tested.sum(axis=1)
    scores = {name: score(pooled) for name, score in confusion.SCORES.items()}
    rates = {name: rate(pooled) for name, rate in confusion.CLASS_RATES.items()}
    return [
        {name: _number(values[i]) for name, values in scores.items()}
        | {
            name: dict(zip(counts.classes, map(_number, values[i]), strict=True))
            for name, values in rates.items()
        }
        | {"confusion": pooled[i].tolist(), "classes": list(counts.classes)}
        | {"n_clips": int(pooled[i].sum()), "n_subjects": int(n_subjects[i])}
        if n_subjects[i]
        else None
        for i in range(len(counts.runs))
    ]


def _of_run(
    parts: Mapping[str, Mapping[str, list[dict[str, Any] | None]]], run: int, n_folds: int
) -> dict[str, Any]:
    by_label = {
        kind: {name: scores for name, of_runs in by_name.items() if (scores := of_runs[run])}
        for kind, by_name in parts.items()
    }
    whole = by_label.pop("all")["all"]
    return {**whole, "n_folds": n_folds, **by_label, "gaps": fairness_gaps(by_label["groups"])}


def _summary_of(counts: Counts) -> dict[str, dict[str, Any]]:
    return {
        score: _score_summary(interval, confusion.SCORES[score](counts.pooled))
        for score, interval in intervals.score_intervals(counts).items()
    }


def _score_summary(interval: intervals.Interval, of_runs: np.ndarray) -> dict[str, Any]:
    return {
        "mean": _number(interval.estimate),
        "sd": _number(of_runs.std(ddof=1)) if len(of_runs) > 1 else None,
        "n_runs": len(of_runs),
        "n_subjects": interval.n_persons,
        "interval": [_number(interval.low), _number(interval.high)],
        "level": interval.level,
    }


def _worst_group(values: Mapping[str, float | None]) -> dict[str, Any]:
    defined = {name: value for name, value in values.items() if value is not None}
    worst = min(defined, key=defined.__getitem__, default=None)
    return {
        "worst_group": worst,
        "worst": None if worst is None else defined[worst],
        "gap": _spread(list(defined.values())),
    }


def _spread(values: list[float | None]) -> float | None:
    """Largest minus smallest of what is defined; None with fewer than two."""
    defined = [value for value in values if value is not None]
    return max(defined) - min(defined) if len(defined) > 1 else None


def _number(value: float) -> float | None:
    """JSON has no NaN: an undefined score is null."""
    return None if np.isnan(value) else float(value)
