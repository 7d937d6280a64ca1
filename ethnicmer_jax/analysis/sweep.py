"""A sweep in numbers: one row per point, and what may be said of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ethnicmer_jax.analysis import bootstrap, confusion, metrics
from ethnicmer_jax.base.predictions import Predictions

_RESAMPLES = 2000


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
    """One row a point, at full precision; NaN where a point is not finished.

    Returns:
      Columns point, status (finished | failed | not finished), every swept field, runs,
      clips, subjects, for each score its mean, _sd over runs and the bounds _low and _high
      of its interval over subjects, seconds, difference (of UF1 from the first point) with
      _low and _high, and error.
    """
    reference = results[0].predictions.outer() if results and results[0].predictions else None
    rows = []
    for number, result in enumerate(results):
        row = {"point": result.name, "status": _status(result)}
        row |= {field: _plain(value) for field, value in result.overrides.items()}
        if result.predictions is not None:
            row |= _scores(result)
            if reference is not None and number:
                row |= _difference(result, reference)
        rows.append(row | {"seconds": result.seconds, "error": result.error or ""})
    fields = list(dict.fromkeys(field for result in results for field in result.overrides))
    order = ["point", "status", *fields, *_MEASURED, "seconds", *_DIFFERENCE, "error"]
    made = pd.DataFrame(rows).reindex(columns=order)
    # Whole numbers stay whole beside missing ones.
    counted = [*fields, *_COUNTS]
    return made.assign(**made[counted].convert_dtypes())


_COUNTS = ("runs", "clips", "subjects")
_MEASURED = (
    *_COUNTS,
    *(f"{score}{end}" for score in confusion.SCORES for end in ("", "_sd", "_low", "_high")),
)
_DIFFERENCE = ("difference", "difference_low", "difference_high")


def conclusions(values: pd.DataFrame) -> list[str]:
    """What can be said about a sweep, from its `frame`."""
    finished = values[values.status == "finished"]
    sentences = [f"{len(finished)} of {len(values)} points are finished."]
    for status in ("failed", "not finished"):
        count = int((values.status == status).sum())
        if count:
            sentences.append(f"{count} {status}: the same command goes on with what is missing.")
    if values.status[0] != "finished":
        sentences.append(f"Differences are from {values.point[0]} and have to wait for it.")
    if finished.uf1.notna().any():
        best = finished.loc[finished.uf1.idxmax()]
        sentences.append(
            f"The highest UF1 is {best.uf1:.3f} [{best.uf1_low:.3f}, {best.uf1_high:.3f}], of "
            f"{best.point}. The highest of {len(finished)} is optimistic as an estimate of what "
            "that point can do; where one is to be chosen, choose on training subjects "
            "(protocol nested)."
        )
    compared = values.difference.notna()
    if compared.any():
        apart = (values.difference_low > 0) | (values.difference_high < 0)
        sentences.append(
            f"Differences of UF1 from {values.point[0]} whose interval excludes 0, each taken by "
            f"itself: {apart.sum()} of {compared.sum()}."
        )
    return sentences


def _status(result: Result) -> str:
    if result.predictions is not None:
        return "finished"
    return "failed" if result.error else "not finished"


def _scores(result: Result) -> dict[str, float]:
    results = result.predictions.outer()
    row = {
        "runs": len(results.runs),
        "clips": len(set(results.key)),
        "subjects": len(set(results.person)),
    }
    for score, values in metrics.summary(results, n_resamples=_RESAMPLES).items():
        low, high = values["subject_interval"]
        row |= {score: values["mean"], f"{score}_sd": values["std"]}
        row |= {f"{score}_low": low, f"{score}_high": high}
    return row


def _difference(result: Result, reference: Predictions) -> dict[str, float]:
    own = result.predictions.outer()
    if own.classes != reference.classes:
        return {}
    interval = bootstrap.difference(own, reference, "uf1", n_resamples=_RESAMPLES)
    return dict(zip(_DIFFERENCE, (interval.estimate, interval.low, interval.high), strict=True))


def _plain(value: object) -> object:
    """Something that a cell of a CSV file can hold."""
    return value if isinstance(value, str | int | float | bool) else str(value)
