"""The mean of the models of several seeds or jobs, as the work directory of a job."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ethnicmer_jax.base import reportable
from ethnicmer_jax.base.predictions import ROW_KEY, TEXT_COLUMNS, Predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import job, work_directory


def write(
    sources: Sequence[pathlib.Path], output: pathlib.Path, *, overwrite: bool = False
) -> None:
    """Averages finished jobs, and writes the work directory of the result.

    Args:
      sources: different work directories over the same folds and clips.
      output: none of them.
      overwrite: whether the mean of other jobs may be replaced.

    Raises:
      UserError: a job is not finished, they cannot be averaged, or `output` holds other
        results.
    """
    for source in sources:
        reportable.refuse(source, "ensemble")
    places = [source.resolve() for source in sources]
    for number, source in enumerate(sources):
        if places[number] in places[:number]:
            raise UserError(f"--workdir={source} is given twice; it would count twice")
    if output.resolve() in places:
        raise UserError("--output is one of the jobs; name a new directory")
    tables = [work_directory.read(source).table.outer() for source in sources]
    for source, read in zip(sources, tables, strict=True):
        if reason := read.not_reportable:
            raise UserError(f"{source} cannot be averaged: {reportable.marked(reason)}")
    table, members = averaged(tables)
    configs = [work_directory.recorded_whole(source) for source in sources]
    _check_apart(sources, configs)
    names = ", ".join(
        str(one.get("name", source)) for one, source in zip(configs, sources, strict=True)
    )
    config = configs[0] | {
        "name": f"{names}, averaged",
        "averaged": [str(source) for source in sources],
    }
    notes = [f"every clip: the mean over {members} models"]
    job.write_derived(output, config, table, notes, overwrite=overwrite)


def _check_apart(sources: Sequence[pathlib.Path], configs: Sequence[Mapping[str, Any]]) -> None:
    """Refuses a job beside an average of it: it would count twice."""
    seen: dict[pathlib.Path, pathlib.Path] = {}
    for source, config in zip(sources, configs, strict=True):
        for place in {source.resolve(), *work_directory.averaged(config)}:
            if place in seen:
                raise UserError(
                    f"--workdir={source} and {seen[place]} share the models of {place}, which "
                    "would count twice; name the jobs themselves"
                )
            seen[place] = source


def averaged(tables: Sequence[Predictions]) -> tuple[Predictions, int]:
    """One prediction per clip of every arm and draw, the mean over seeds and tables.

    Args:
      tables: predictions over the same folds and clips.

    Returns:
      The averaged predictions, whose runs have lost their seed, and the number of models
      that each of them averages.

    Raises:
      UserError: classes differ, labels differ, or some clips have more predictions than
        others.
    """
    if len({table.classes for table in tables}) > 1:
        raise UserError("the jobs differ in their classes and cannot be averaged")
    rows = pd.concat([_without_seeds(table) for table in tables], ignore_index=True)
    grouped = rows.groupby(list(ROW_KEY), sort=False)
    sizes = grouped.size()
    if sizes.nunique() > 1:
        raise UserError(
            f"some clips have {sizes.max()} predictions and {' / '.join(sizes.idxmin())} has "
            f"{sizes.min()}; average jobs over the same folds"
        )
    labels = [name for name in TEXT_COLUMNS if name not in ROW_KEY]
    if (grouped[labels].nunique() > 1).any(axis=None):
        raise UserError("the jobs disagree on the label of a clip and cannot be averaged")
    heads = [name for name in rows.columns if name.startswith(("p_", "q_"))]
    means = grouped.agg({**dict.fromkeys(labels, "first"), **dict.fromkeys(heads, "mean")})
    return Predictions.from_table(means.reset_index()), int(sizes.iloc[0])


def _without_seeds(table: Predictions) -> pd.DataFrame:
    run = table.of_each_run(lambda run: str(dataclasses.replace(run, seed=None)))
    return table.table.assign(run=run)
