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

from ethnicmer_jax.analysis import bootstrap, confusion
from ethnicmer_jax.analysis.counts import SubjectCounts
from ethnicmer_jax.base.predictions import Predictions

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
    return {
        "runs": by_run(predictions, grouping),
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
    return by_run(predictions, grouping)[predictions.runs[0]]


def by_run(predictions: Predictions, grouping: Grouping | None) -> dict[str, dict[str, Any]]:
    """`run_metrics` of every run, in the order of first appearance."""
    run = pd.Categorical(predictions.table["run"], categories=predictions.runs).codes
    run = run.astype(np.int64)
    labels = {
        "all": np.full(len(predictions), "all", object),
        "groups": group_labels(predictions, grouping),
        "ethnicities": predictions.table["ethnicity"].to_numpy(object),
        "databases": predictions.table["database"].to_numpy(object),
    }
    parts = {name: _Parts.of(predictions, run, values) for name, values in labels.items()}
    n_folds = _distinct(run, pd.factorize(predictions.table["fold"])[0], len(predictions.runs))
    return {
        name: _run_metrics({label: part.scores(i) for label, part in parts.items()}, n_folds[i])
        for i, name in enumerate(predictions.runs)
    }


def scores(predictions: Predictions) -> dict[str, Any]:
    """Scores over all rows: overall, per class, and the confusion matrix [true][predicted]."""
    everything = np.zeros(len(predictions), np.int64)
    return _Parts.of(predictions, everything, np.full(len(predictions), "all")).scores(0)["all"]


def group_labels(predictions: Predictions, grouping: Grouping | None = None) -> np.ndarray:
    """The group of each row, str [n]; "" where the grouping leaves the ethnicity out."""
    ethnicity = predictions.table["ethnicity"]
    if grouping is None:
        return ethnicity.to_numpy(object)
    return ethnicity.map(lambda name: grouping.get(name, "")).to_numpy(object)


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
    subjects = SubjectCounts.of(predictions)
    rng = np.random.default_rng(seed)
    weights = bootstrap.resample_weights(np.zeros(len(subjects.persons)), n_resamples, rng)
    return {name: _score_summary(subjects, weights, name, level) for name in confusion.SCORES}


def _score_summary(
    subjects: SubjectCounts, weights: np.ndarray, name: str, level: float
) -> dict[str, Any]:
    score = confusion.SCORES[name]
    values = score(subjects.counts.sum(axis=1))
    resampled = bootstrap.expanded_percentile(
        values.mean(),
        subjects.scores(weights, score),
        n_units=len(subjects.persons),
        level=level,
    )
    subject_interval = [_number(resampled.low), _number(resampled.high)]
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


def _run_metrics(parts: Mapping[str, Mapping[str, Any]], n_folds: int) -> dict[str, Any]:
    by_label = {name: values for name, values in parts.items() if name != "all"}
    gaps = fairness_gaps(parts["groups"])
    return {**parts["all"]["all"], "n_folds": int(n_folds), **by_label, "gaps": gaps}


@dataclasses.dataclass(frozen=True)
class _Parts:
    """What was counted in each of R runs for each of the V values of a label.

    Attributes:
      names: the values, sorted, [V].
      classes: the C emotion classes.
      counts: confusion matrices, int64 [R, V, C, C].
      n_persons: int64 [R, V].
      rates: score or per-class rate -> [R, V] or [R, V, C].
    """

    names: Sequence[str]
    classes: tuple[str, ...]
    counts: np.ndarray
    n_persons: np.ndarray
    rates: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, predictions: Predictions, run: np.ndarray, label: np.ndarray) -> _Parts:
        """Counts the rows of each run (int [n]) and label (str [n]; "" is in no part)."""
        inside = label != ""
        code, names = pd.factorize(label[inside], sort=True)
        n_runs, n_classes = int(run.max()) + 1, len(predictions.classes)
        unit, n_units = run[inside] * len(names) + code, n_runs * len(names)
        truth, predicted = predictions.emotion_index[inside], predictions.predicted[inside]
        counts = confusion.grouped_confusion(truth, predicted, unit, n_units, n_classes)
        counts = counts.reshape(n_runs, len(names), n_classes, n_classes)
        person = pd.factorize(predictions.person)[0][inside]
        n_persons = _distinct(unit, person, n_units).reshape(n_runs, len(names))
        rates = {name: compute(counts) for name, compute in _RATES.items()}
        return cls(names, predictions.classes, counts, n_persons, rates)

    def scores(self, run: int) -> dict[str, dict[str, Any]]:
        """`scores` of each part of one run that has a clip."""
        n_clips = self.counts[run].sum(axis=(-2, -1))
        return {self.names[v]: self._scores(run, v, int(n_clips[v])) for v in n_clips.nonzero()[0]}

    def _scores(self, run: int, value: int, n_clips: int) -> dict[str, Any]:
        rates = {name: _numbers(values[run, value]) for name, values in self.rates.items()}
        return {
            **{name: rates[name] for name in confusion.SCORES},
            **{name: dict(zip(self.classes, rates[name], strict=True)) for name in _CLASS_RATES},
            "confusion": self.counts[run, value].tolist(),
            "classes": list(self.classes),
            "n_clips": n_clips,
            "n_subjects": int(self.n_persons[run, value]),
        }


_CLASS_RATES = {
    "f1": confusion.f1,
    "recall": confusion.recall,
    "false_positive_rate": confusion.false_positive_rate,
}
_RATES = {**confusion.SCORES, **_CLASS_RATES}


def _distinct(unit: np.ndarray, value: np.ndarray, n_units: int) -> np.ndarray:
    """How many distinct values (int [n]) the rows of each unit (int [n]) have, [n_units]."""
    step = int(value.max(initial=0)) + 1
    return np.bincount(np.unique(unit * step + value) // step, minlength=n_units)


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


def _numbers(values: np.ndarray) -> float | list[float | None] | None:
    """`_number` of a score, or of each class's rate."""
    numbers = values.tolist()
    if isinstance(numbers, list):
        return [None if number != number else number for number in numbers]
    return _number(numbers)
