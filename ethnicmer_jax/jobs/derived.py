"""A work directory made of predictions that other jobs left, and not by training."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from ethnicmer_jax.analysis import metrics
from ethnicmer_jax.base import environment, files, predictions
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.report import console, job


def write(
    output: pathlib.Path, config: Mapping[str, Any], table: Predictions, notes: Sequence[str]
) -> None:
    """Writes predictions, config, metrics and report, and prints the scores.

    Args:
      output: the work directory; what was there before is replaced.
      config: plain data, with the fields `name` and `protocol`.
      table: the predictions.
      notes: what the reader of the report has to know, one sentence each.
    """
    output.mkdir(parents=True, exist_ok=True)
    predictions.write(output / "predictions.csv", table)
    files.write_json(output / "config.json", dict(config))
    used = grouping(config["protocol"]["grouping"], config["protocol"].get("grouping_custom"))
    members = {e: group for group, of in used.groups.items() for e in of}
    values = metrics.compute(table, members)
    extra = {"grouping": used.name, "notes": list(notes)}
    extra |= {"environment": {"command": environment.command()}}
    files.write_json(output / "metrics.json", values | extra)
    console.print_metrics(values, config["name"])
    console.print_report(job.write(output))
