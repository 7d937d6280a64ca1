"""What a job prints when it is done: a table of scores, and where the report lies."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

_MOST_RUNS = 12


def print_plan(notes: Sequence[str], folds: int, data: str) -> None:
    """Says what will be trained."""
    console = Console(highlight=False)
    console.print(f"{data}; {folds} folds")
    for note in notes:
        console.print(f"  {note}", style="dim")


def print_job(name: str, number: int, jobs: int, seconds: float) -> None:
    """Says that one of the jobs of a study is done, and how long it took this time."""
    text = f"job {number} of {jobs}, {name}: done in {seconds / 60:.1f} min"
    Console(highlight=False).print(text, style="bold")


def print_metrics(metrics: Mapping[str, Any], name: str) -> None:
    """Prints the pooled scores of every run, and their summary with its interval.

    Args:
      metrics: content of metrics.json.
      name: of the config.
    """
    console = Console(highlight=False)
    table = Table(title=f"{name}: pooled over the test clips of a run", title_justify="left")
    table.add_column("run", overflow="fold")
    for column in ("clips", "folds", "UF1", "UAR", "accuracy"):
        table.add_column(column, justify="right", no_wrap=True)
    runs = list(metrics["runs"].items())
    for run, values in runs[:_MOST_RUNS]:
        scores = (_text(values[score]) for score in ("uf1", "uar", "accuracy"))
        table.add_row(run, str(values["n_clips"]), str(values["n_folds"]), *scores)
    if len(runs) > _MOST_RUNS:
        table.add_row(f"... and {len(runs) - _MOST_RUNS} more", *[""] * 5)
    console.print(table)
    for label, score in (("UF1", "uf1"), ("UAR", "uar"), ("accuracy", "accuracy")):
        console.print(f"{label:>8}  {_with_interval(metrics['summary'][score])}")


def print_report(path: pathlib.Path) -> None:
    """Says where the report lies."""
    # soft_wrap: a path broken over two lines cannot be clicked or copied.
    Console(highlight=False).print(f"report: {path}", soft_wrap=True)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _with_interval(value: Mapping[str, Any]) -> str:
    """Mean and intervals: over runs where there are several, over subjects always."""
    text = _text(value["mean"])
    if value["n_runs"] > 1:
        text += f" ± {_text(value['std'])} over {value['n_runs']} runs"
    low, high = value["subject_interval"]
    return f"{text}, {value['level']:.0%} interval over subjects {_text(low)} to {_text(high)}"
