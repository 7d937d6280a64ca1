"""From a sweep under nested LOSO to honest predictions: a point for every subject held out.

The point that predicts a subject is the one with the best pooled UF1 in the inner folds
over the other subjects, so nothing of a subject has a say in what predicts it.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ethnicmer_jax.analysis import confusion
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.base import reportable
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.run_id import INNER
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import job
from ethnicmer_jax.jobs.sweep import result_files
from ethnicmer_jax.jobs.sweep.result_files import Result
from ethnicmer_jax.report import console


def write(sweep: pathlib.Path, output: pathlib.Path, *, overwrite: bool = False) -> None:
    """Selects, and writes the work directory of the result.

    Args:
      sweep: directory of the sweep.
      output: the work directory.
      overwrite: whether another selection may be replaced there.

    Raises:
      UserError: the sweep is not finished, its points are not nested, or do not test the
        same clips; or `output` holds other results.
    """
    name, points = result_files.read(sweep)
    for point in points:
        reportable.refuse(result_files.work_directory(sweep, point.name), "select")
    _check(points, sweep)
    scores = inner_scores(points)
    chosen = scores.idxmax(axis=1)
    table = assemble(points, chosen)
    config, notes = _config(name, points), _notes(points, chosen)
    selection = scores.add_prefix("inner_uf1:").reset_index()
    selection.insert(1, "chosen", chosen.to_numpy())
    for note in notes:
        console.print_line(note)
    beside = {"selection.csv": selection}
    job.write_derived(output, config, table, notes, beside=beside, overwrite=overwrite)


def inner_scores(points: Sequence[Result]) -> pd.DataFrame:
    """Pooled UF1 of every point in the inner folds beside every subject.

    Args:
      points: finished points of the protocol `nested`.

    Returns:
      One row per fold of LOSO (index `fold`, the subject held out), one column per point: the
      score in the inner folds that this subject is in none of.
    """
    columns = {}
    for point in points:
        inner = _predictions(point).inner()
        uf1 = dict(zip(inner.runs, confusion.uf1(Counts.of(inner).pooled), strict=True))
        choosers = _choosers(_predictions(point))
        folds = pd.Index(choosers, name="fold")
        columns[point.name] = pd.Series([uf1[run] for run in choosers.values()], index=folds)
    return pd.DataFrame(columns)


def _choosers(predictions: Predictions) -> dict[str, str]:
    """Fold of LOSO -> the inner run that has not seen its subject."""
    outer = predictions.outer()
    subject = dict(zip(outer.table["fold"], outer.person, strict=True))
    seen = {run: set(rows.person) for run, rows in predictions.inner().by_run()}
    found = {
        fold: run
        for fold, who in subject.items()
        for run, known in seen.items()
        if who not in known
    }
    assert found.keys() == subject.keys(), "every subject is left out of some inner run"
    return found


def assemble(points: Sequence[Result], chosen: pd.Series) -> Predictions:
    """The test predictions of every fold, each from the point chosen for it.

    Args:
      points: the finished points.
      chosen: point name of each fold, indexed by fold.

    Returns:
      The rows of all runs of LOSO, in the order of the first point.
    """
    parts = []
    for point in points:
        outer = _predictions(point).outer().table
        parts.append(outer[outer["fold"].map(chosen) == point.name])
    table = pd.concat(parts, ignore_index=True)
    order = _predictions(points[0]).outer().row_keys()
    place = {key: row for row, key in enumerate(Predictions(table).row_keys())}
    return Predictions.from_table(table.iloc[[place[key] for key in order]])


def _predictions(point: Result) -> Predictions:
    assert point.predictions is not None, "unfinished points have been refused by `_check`"
    return point.predictions


def _check(points: Sequence[Result], sweep: pathlib.Path) -> None:
    unfinished = [point.name for point in points if point.predictions is None]
    if unfinished:
        raise UserError(
            f"{len(unfinished)} of {len(points)} points of {sweep} are not finished, such as "
            f"{unfinished[0]}: run the sweep to its end, or take them out of its config"
        )
    first = points[0]
    expected = _predictions(first)
    for point in points:
        predictions = _predictions(point)
        if not any(run.job == INNER for run in predictions.run_ids.values()):
            raise UserError(
                f"{point.name} has no inner folds to choose by; sweep with "
                "--config.protocol.name=nested"
            )
        same = predictions.classes == expected.classes
        if not same or set(predictions.row_keys()) != set(expected.row_keys()):
            raise UserError(
                f"{point.name} and {first.name} differ in their classes, folds or clips; points "
                "to choose from may differ in the model and its training only"
            )


def _notes(points: Sequence[Result], chosen: pd.Series) -> list[str]:
    """What the reader of the report has to know."""
    times = chosen.value_counts()
    shares = "; ".join(
        f"{point.name} for {times[point.name]}" for point in points if point.name in times
    )
    return [
        f"for each of {len(chosen)} subjects held out, the best of {len(points)} settings by UF1 "
        "in inner folds over the other subjects (ties: the first)",
        f"chosen: {shares}",
    ]


def _config(name: str, points: Sequence[Result]) -> dict[str, Any]:
    """What all points have in common; a setting that differs names its values."""
    merged = _merged([point.config for point in points])
    return merged | {"name": f"{name}, selected", "points": [point.name for point in points]}


def _merged(values: Sequence[Any]) -> Any:
    if all(isinstance(value, Mapping) for value in values):
        names = dict.fromkeys(name for value in values for name in value)
        return {name: _merged([value.get(name) for value in values]) for name in names}
    different = [value for i, value in enumerate(values) if value not in values[:i]]
    if len(different) == 1:
        return different[0]
    return f"chosen from {' | '.join(map(str, different))}"
