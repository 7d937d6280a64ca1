"""What commands print when they are done: scores, conclusions, where the report lies."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

_MOST_RUNS = 12


def print_plan(notes: Sequence[str], folds: int, data: str) -> None:
    """Says what will be trained."""
    console = _console()
    console.print(f"{data}; {folds} folds")
    for note in notes:
        console.print(f"  {note}", style="dim")


def print_job(name: str, number: int, jobs: int, seconds: float) -> None:
    """Says that one of the jobs of a study is done, and how long it took this time."""
    text = f"job {number} of {jobs}, {name}: done in {seconds / 60:.1f} min"
    _console().print(text, style="bold")


def print_metrics(metrics: Mapping[str, Any], name: str) -> None:
    """Prints the pooled scores of every run, and their summary with its interval.

    Args:
      metrics: content of metrics.json.
      name: of the config.
    """
    console = _console()
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


def print_answer(sentences: Sequence[str]) -> None:
    """Prints what a report concludes."""
    for sentence in sentences:
        _console().print(sentence)


def print_line(text: str) -> None:
    """Prints a line that is never broken: a path in it can be copied."""
    _console().print(text, soft_wrap=True)


def print_points(summary: pd.DataFrame) -> None:
    """Prints the points of a sweep with their UF1.

    Args:
      summary: content of summary.csv.
    """
    table = Table(title="UF1 with 95% intervals", title_justify="left")
    table.add_column("point", overflow="fold")
    for column in ("UF1", "difference from the first", "minutes"):
        table.add_column(column, justify="right")
    for point in summary.to_dict("records"):
        shown = (_point_text(point, "uf1", ""), _point_text(point, "difference", "+"))
        minutes = "" if pd.isna(point["seconds"]) else f"{point['seconds'] / 60:.1f}"
        state = point["status"] if point["status"] != "finished" else ""
        table.add_row(str(point["point"]), shown[0] or state, shown[1], minutes)
    _console().print(table)


def print_rates(rates: pd.DataFrame) -> None:
    """Prints how often each series of a calibration rejects.

    Args:
      rates: content of calibration.csv.
    """
    table = Table(title="rejections on simulated databases", title_justify="left")
    table.add_column("series", overflow="fold")
    for column in ("true effect", "databases", "rejected", "95% interval"):
        table.add_column(column, justify="right")
    for row in rates.to_dict("records"):
        interval = f"{row['low']:.1%} to {row['high']:.1%}"
        numbers = (f"{row['effect']:g}", f"{row['databases']:,}", f"{row['rate']:.1%}")
        table.add_row(row["series"], *numbers, interval)
    _console().print(table)


def print_report(path: pathlib.Path) -> None:
    """Says where the report lies."""
    # soft_wrap: a path broken over two lines cannot be clicked or copied.
    _console().print(f"report: {path}", soft_wrap=True)


def _console() -> Console:
    # Names of configs, runs and paths are text, not markup: [b] is no bold.
    return Console(highlight=False, markup=False)


def _point_text(point: Mapping[str, Any], score: str, sign: str) -> str:
    values = [point[score], point[f"{score}_low"], point[f"{score}_high"]]
    if pd.isna(values[0]):
        return ""
    value, low, high = (f"{v:{sign}.3f}" for v in values)
    return f"{value} [{low}, {high}]"


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _with_interval(value: Mapping[str, Any]) -> str:
    """Mean and intervals: over runs where there are several, over subjects always."""
    text = _text(value["mean"])
    if value["n_runs"] > 1:
        text += f" ± {_text(value['std'])} over {value['n_runs']} runs"
    low, high = value["subject_interval"]
    return f"{text}, {value['level']:.0%} interval over subjects {_text(low)} to {_text(high)}"
