"""What the habit of choosing each fold's epoch on its own test clips is worth.

A job under `protocol.peek` has recorded what was predicted after every epoch, so one training
gives both scores of the same networks on the same clips: after a fixed number of epochs, and
after the epoch, among as many, that the fold's test clips like best. Their difference is paired.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from ethnicmer_jax.analysis import confusion, intervals, results
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.base import labels, reportable
from ethnicmer_jax.base.predictions import Predictions

_SCORES = ("uf1", "uar")
_ROUND = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclasses.dataclass(frozen=True)
class Habit:
    """One score of some runs after so many epochs.

    Attributes:
      fixed: of the last of the epochs, which is nobody's choice.
      chosen: of each fold's best epoch on its test clips; of equal ones the last.
      worth: chosen - fixed, paired over subjects.
    """

    fixed: intervals.Interval
    chosen: intervals.Interval
    worth: intervals.Interval


def worth(predictions: Predictions, epochs: int) -> dict[str, Habit]:
    """UF1 and UAR with and without the habit, averaged over runs.

    Args:
      predictions: one or more runs of an arm, with the answers after every epoch.
      epochs: how many of the epochs count, from 1.

    Raises:
      UserError: the answers are missing or damaged.
    """
    answers = predictions.answers_by_epoch[:, :epochs]
    fixed = _counts(predictions, answers[:, -1])
    chosen = _counts(predictions, _chosen(predictions, answers))
    without, with_it = intervals.score_intervals(fixed), intervals.score_intervals(chosen)
    gained = intervals.differences(chosen, fixed)
    return {score: Habit(without[score], with_it[score], gained[score]) for score in _SCORES}


def common(predictions: Predictions, epochs: int) -> dict[str, float]:
    """UF1 and UAR of a milder habit: of each run, the one epoch that is best over all its folds.

    Args:
      predictions: one or more runs of an arm, with the answers after every epoch.
      epochs: how many of the epochs count, from 1.

    Returns:
      By score, the mean over runs.
    """
    answers = predictions.answers_by_epoch[:, :epochs]
    pooled = np.stack([_counts(predictions, answer).pooled for answer in answers.T])
    best = {score: confusion.SCORES[score](pooled).max(axis=0) for score in _SCORES}
    return {score: float(values.mean()) for score, values in best.items()}


def sentences(predictions: Predictions) -> list[str]:
    """What the habit is worth in UF1 with all epochs to choose from; one sentence an arm."""
    table = frame(predictions)
    last = table.groupby("arm", sort=False).tail(1).to_dict("records")
    return [_sentence(row, single=len(last) == 1) for row in last]


def _sentence(row: Mapping[str, Any], *, single: bool) -> str:
    of = "" if single else f" of {labels.run(str(row['arm']))}"
    without, with_it = (labels.score(row[f"uf1_{name}"]) for name in ("fixed", "chosen"))
    worth = labels.estimate(*(row[f"uf1_worth{end}"] for end in ("", "_low", "_high")), sign=True)
    return (
        f"Choosing epochs on test clips turns UF1{of} {without} into {with_it}: {worth}; "
        f"{reportable.MARK}."
    )


def frame(predictions: Predictions) -> pd.DataFrame:
    """One row per arm and number of epochs: those of a round number, and all.

    Returns:
      Columns arm, epochs, n_runs, and for uf1 and uar: <score>_fixed, <score>_chosen and
      <score>_worth, each with _low and _high; <score>_common, see `common`.
    """
    return pd.DataFrame(_rows(predictions))


def _rows(predictions: Predictions) -> Iterator[dict[str, float | str]]:
    arm, most = results.arms(predictions), predictions.answers_by_epoch.shape[1]
    for name in dict.fromkeys(arm):
        of_arm = predictions.select(arm == name)
        for epochs in (*(number for number in _ROUND if number < most), most):
            about = {"arm": name, "epochs": epochs, "n_runs": len(of_arm.runs)}
            milder = {f"{score}_common": x for score, x in common(of_arm, epochs).items()}
            yield about | columns(worth(of_arm, epochs)) | milder


def columns(found: dict[str, Habit]) -> dict[str, float]:
    """The numbers of `worth` by the names of `frame`."""
    return {
        f"{score}_{field.name}{end}": getattr(getattr(habit, field.name), bound)
        for score, habit in found.items()
        for field in dataclasses.fields(habit)
        for end, bound in (("", "estimate"), ("_low", "low"), ("_high", "high"))
    }


def _chosen(
    predictions: Predictions, answers: Int[np.ndarray, "rows epochs"]
) -> Int[np.ndarray, " rows"]:
    """The answers of the epoch that each fold's test clips like best; of equal ones the last."""
    table = predictions.table
    fold = table.groupby(["run", "fold"], sort=False).ngroup().to_numpy()
    hits = answers == predictions.emotion_index[:, None]
    right = np.zeros((fold.max() + 1, answers.shape[1]), np.int64)
    np.add.at(right, fold, hits)
    best = answers.shape[1] - 1 - right[:, ::-1].argmax(axis=1)
    return answers[np.arange(len(answers)), best[fold]]


def _counts(predictions: Predictions, answer: Int[np.ndarray, " rows"]) -> Counts:
    return Counts.of_answers(
        predictions.runs,
        predictions.persons,
        predictions.classes,
        run=predictions.run_index,
        person=predictions.person_index,
        truth=predictions.emotion_index,
        predicted=answer,
    )
