"""A sweep in numbers: one row per point, and what may be said of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ethnicmer_jax.analysis import confusion, gaps, habit, intervals, metrics
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.analysis.results import arms as arms_of_rows
from ethnicmer_jax.base import labels, reportable
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.recorded_config import grouping_of


@dataclasses.dataclass(frozen=True)
class Result:
    """What is known of one point.

    Attributes:
      name: of the point.
      overrides: field -> value, what distinguishes it.
      config: config.json of its work directory; {} where there is none yet.
      predictions: None until the point is finished; may hold inner validation runs.
      seconds: wall time that went into it; None where it was not recorded.
      error: why it failed last, in one line; None where it did not.
    """

    name: str
    overrides: Mapping[str, Any]
    config: Mapping[str, Any]
    predictions: Predictions | None
    seconds: float | None
    error: str | None


def frame(results: Sequence[Result]) -> pd.DataFrame:
    """One row per point, at full precision; NaN where a point is not finished.

    Where a point has several arms there is one row per point and arm, as the scores of
    different arms are never averaged.

    Returns:
      Columns point, arm (only where a point has several), status (finished | failed | not
      finished), every swept field, runs, clips, subjects, for each score its mean, _sd over
      runs and the bounds _low and _high of its interval over subjects, seconds, difference (of
      UF1 from the same arm of the first point) with _low and _high, the columns of `gaps.columns`
      where there are two groups or databases, and error. Where any point
      has chosen epochs on test clips (`protocol.peek`): the columns of `habit.columns`, and
      not_reportable, which says so of such points.
    """
    arms = [_arms(result) for result in results]
    rows: list[dict[str, Any]] = []
    for number, (result, of_result) in enumerate(zip(results, arms, strict=True)):
        about: dict[str, Any] = {"point": result.name, "status": _status(result)}
        about |= {field: _plain(value) for field, value in result.overrides.items()}
        about |= {"seconds": result.seconds, "error": result.error or ""}
        for arm, part in of_result.items():
            row = about | {"arm": arm} | _scores(part) | _habit(part)
            first = arms[0].get(arm) if number else None
            if first is not None:
                row |= _difference(part, first)
            row |= gaps.columns(part, first, _members(result.config))
            rows.append(row)
        if not of_result:
            rows.append(about)
    fields = list(dict.fromkeys(field for result in results for field in result.overrides))
    several = ["arm"] if any(len(of_result) > 1 for of_result in arms) else []
    order = ["point", *several, "status", *fields, *_MEASURED, "seconds", *_DIFFERENCE]
    order += [name for name in _GAPS if any(name in row for row in rows)]
    peeked = [row for row in rows if reportable.COLUMN in row]
    habitual = [name for name in peeked[0] if name not in order] if peeked else []
    order += [name for name in habitual if name not in ("arm", "error")] + ["error"]
    table = pd.DataFrame(rows).reindex(columns=order)
    if peeked:
        table[reportable.COLUMN] = table[reportable.COLUMN].fillna("")
    # Whole numbers stay whole beside missing ones.
    counted = [*fields, *_COUNTS]
    return table.assign(**table[counted].convert_dtypes())


_COUNTS = ("runs", "clips", "subjects")
_MEASURED = (
    *_COUNTS,
    *(f"{score}{end}" for score in confusion.SCORES for end in ("", "_sd", "_low", "_high")),
)
_DIFFERENCE = ("difference", "difference_low", "difference_high")
_GAPS = tuple(
    f"{kind}_{name}{end}"
    for kind in gaps.KINDS
    for name, ends in (
        ("sides", ("",)),
        *((n, ("", "_low", "_high")) for n in ("gap", "gap_change")),
    )
    for end in ends
)


def names(values: pd.DataFrame) -> list[str]:
    """What each row of `frame` is called: its point, and its arm where there are several.

    A name says where a score must not be reported.
    """
    names = list(values["point"])
    if "arm" in values:
        arms = zip(names, values["arm"].fillna(""), strict=True)
        names = [f"{point}: {labels.run(arm)}" if arm else point for point, arm in arms]
    return [
        f"{name} ({reportable.MARK})" if reason else name
        for name, reason in zip(names, not_reportable(values), strict=True)
    ]


def named_fault(values: pd.DataFrame) -> str:
    """Why a whole sweep must be marked, with the points; "" where all scores may be reported."""
    reasons = not_reportable(values)
    points = dict.fromkeys(values.loc[reasons != "", "point"])
    return reportable.of_some(points, next(filter(None, reasons), ""))


def not_reportable(values: pd.DataFrame) -> pd.Series:
    """Why the scores of each row must not be reported; "" where they may be."""
    if reportable.COLUMN in values:
        return values[reportable.COLUMN]
    return pd.Series("", index=values.index)


def conclusions(values: pd.DataFrame) -> list[str]:
    """What can be said about a sweep, from its `frame`."""
    values = values.assign(name=names(values))
    first = values["name"][0]
    points = values.drop_duplicates("point")
    finished = values[values.status == "finished"]
    n_finished = finished["point"].nunique()
    sentences = [f"{n_finished} of {len(points)} points are finished."]
    for status in ("failed", "not finished"):
        count = int((points.status == status).sum())
        if count:
            sentences.append(f"{count} {status}: the same command goes on with what is missing.")
    if values.status[0] != "finished":
        sentences.append(f"Differences are from {first} and have to wait for it.")
    honest = finished[not_reportable(finished) == ""]
    if honest.uf1.notna().any():
        best = honest.loc[honest.uf1.idxmax()]
        # What a reader came for stands first.
        sentences.insert(
            0,
            f"The highest UF1 is {labels.estimate(best.uf1, best.uf1_low, best.uf1_high)}, of "
            f"{best['name']}. The highest of {len(honest)} is optimistic as an estimate of what "
            "that point can do; where one is to be chosen, choose on training subjects "
            "(protocol nested).",
        )
    compared = values.difference.notna()
    if compared.any():
        apart = (values.difference_low > 0) | (values.difference_high < 0)
        sentences.append(
            f"Differences of UF1 from {first} whose interval excludes 0, each taken by "
            f"itself: {apart.sum()} of {compared.sum()}."
        )
    return sentences


def _status(result: Result) -> str:
    if result.predictions is not None:
        return "finished"
    return "failed" if result.error else "not finished"


def _arms(result: Result) -> dict[str, Predictions]:
    """The results of each arm, without inner validation; none before the point is finished."""
    if result.predictions is None:
        return {}
    outer = result.predictions.outer()
    arm = arms_of_rows(outer)
    return {name: outer.select(arm == name) for name in dict.fromkeys(arm)}


def _scores(arm: Predictions) -> dict[str, float | None]:
    row: dict[str, float | None] = {
        "runs": len(arm.runs),
        "clips": len(set(arm.key)),
        "subjects": len(arm.persons),
    }
    (scores,) = metrics.summary(arm).values()
    for score, values in scores.items():
        low, high = values["interval"]
        row |= {score: values["mean"], f"{score}_sd": values["sd"]}
        row |= {f"{score}_low": low, f"{score}_high": high}
    return row


def _habit(arm: Predictions) -> dict[str, Any]:
    """What choosing epochs on test clips is worth, of a point that did."""
    reason = arm.not_reportable
    if not reason:
        return {}
    found = habit.worth(arm, arm.answers_by_epoch.shape[1])
    return {**habit.columns(found), reportable.COLUMN: reason}


def _difference(arm: Predictions, reference: Predictions) -> dict[str, float]:
    if arm.classes != reference.classes:
        return {}
    interval = intervals.difference(Counts.of(arm), Counts.of(reference))
    return dict(zip(_DIFFERENCE, (interval.estimate, interval.low, interval.high), strict=True))


def _members(config: Mapping[str, Any]) -> Mapping[str, str]:
    """Ethnicity -> group under the config of a point."""
    grouping = grouping_of(config)
    return {} if grouping is None else grouping.members


def _plain(value: object) -> str | float | bool:
    """Something that a cell of a CSV file can hold."""
    return value if isinstance(value, str | int | float | bool) else str(value)
