"""What commands print when they are done: scores, conclusions, where the report lies."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from ethnicmer_jax.analysis.conclusion import Difference
from ethnicmer_jax.analysis.confusion import LABELS
from ethnicmer_jax.analysis.effects import p_text
from ethnicmer_jax.analysis.intervals import FEW
from ethnicmer_jax.base import labels, reportable
from ethnicmer_jax.base.divergence import DivergedError
from ethnicmer_jax.report import difference_names

_MOST = 12
"""Runs, and arms, that are shown."""


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
    """Prints the pooled scores of every run, and a line for every arm and its databases.

    Args:
      metrics: content of metrics.json.
      name: of the config.
    """
    console = _console()
    reason = metrics.get(reportable.COLUMN, "")
    mark = f"{reportable.MARK}: " if reason else ""
    title = f"{mark}{name}: pooled over the test clips of a run"
    table = Table(title=title, title_justify="left")
    table.add_column("run", overflow="fold")
    for column in ("clips", "folds", *LABELS.values()):
        table.add_column(column, justify="right", no_wrap=True)
    runs = list(metrics["runs"].items())
    for run, values in runs[:_MOST]:
        scores = (labels.score(values[score]) for score in LABELS)
        sizes = (labels.count(values[size]) for size in ("n_clips", "n_folds"))
        table.add_row(labels.run(run), *sizes, *scores)
    if len(runs) > _MOST:
        table.add_row(f"... and {len(runs) - _MOST} more", *[""] * (2 + len(LABELS)))
    console.print(table)
    arms = list(metrics["summary"].items())
    for arm, scores in arms[:_MOST]:
        # A line that is broken could not be searched for or copied.
        name = f"{mark}{labels.run(arm)}"
        console.print(_arm_line(name, scores), soft_wrap=True)
        for database, own in metrics["databases"].get(arm, {}).items():
            of = f"{name}, {labels.database(database)}"
            console.print(f"  {_arm_line(of, own)}", soft_wrap=True)
    if len(arms) > _MOST:
        console.print(f"... and {len(arms) - _MOST} more arms in metrics.json")
    if reason:
        print_line(reportable.marked(reason))


def print_diverged(found: DivergedError, name: str) -> None:
    """Prints which folds of a job diverged, in place of its scores.

    Args:
      found: the folds.
      name: of the config.
    """
    title = (
        f"INCOMPLETE, no pooled score is reported: {name}, "
        f"{labels.count(len(found.folds))} of {labels.count(found.planned)} folds diverged"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("fold", overflow="fold")
    for column in ("epoch", "loss"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("why")
    for one in found.folds[:_MOST]:
        table.add_row(one.name, str(one.epoch or ""), one.loss_text, one.reason)
    if len(found.folds) > _MOST:
        table.add_row(f"... and {len(found.folds) - _MOST} more", *[""] * 3)
    _console().print(table)


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
        shown = (_point_text(point, "uf1"), _point_text(point, "difference", sign=True))
        minutes = "" if pd.isna(point["seconds"]) else f"{point['seconds'] / 60:.1f}"
        state = point["status"] if point["status"] != "finished" else ""
        # Read back from CSV, an empty cell is missing.
        fault = point.get(reportable.COLUMN)
        mark = f" ({reportable.MARK})" if isinstance(fault, str) and fault else ""
        table.add_row(f"{point['point']}{mark}", shown[0] or state, shown[1], minutes)
    _console().print(table)


def print_differences(differences: pd.DataFrame) -> None:
    """Prints how results differ.

    Args:
      differences: of `paired.Findings`.
    """
    for pair, rows in difference_names.labelled(differences).groupby("pair", sort=False):
        table = Table(title=str(pair), title_justify="left")
        table.add_column("score", overflow="fold")
        for column in ("difference [95% interval]", "p", "p (Holm)"):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("shown", no_wrap=True)
        for row in rows.to_dict("records"):
            estimate = labels.estimate(row["estimate"], row["low"], row["high"], sign=True)
            shown = "" if row["verdict"] == Difference.NOT_SHOWN.value else row["verdict"]
            table.add_row(row["what"], estimate, _p(row["p"]), _p(row["p_holm"]), shown)
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
        rate, low, high = (labels.percent(row[key], 1) for key in ("rate", "low", "high"))
        interval = f"[{low}, {high}]"
        numbers = (labels.compact(row["effect"]), labels.count(row["databases"]), rate)
        table.add_row(row["series"], *numbers, interval)
    _console().print(table)


def print_curves(directory: pathlib.Path) -> None:
    """Says how the learning curves below a work directory are opened, where there are any."""
    if (directory / "tensorboard").is_dir() or any(directory.glob("jobs/*/tensorboard")):
        print_line(f"learning curves: tensorboard --logdir={directory}  (pip install tensorboard)")


def print_report(path: pathlib.Path) -> None:
    """Says where the report lies."""
    # soft_wrap: a path broken over two lines cannot be clicked or copied.
    _console().print(f"report: {path}", soft_wrap=True)


def print_next(steps: Sequence[tuple[str, str]]) -> None:
    """Says what to try next.

    Args:
      steps: commands, and what each is for.
    """
    if steps:
        print_line("try next:")
    for command, purpose in steps:
        print_line(f"  {command}  # {purpose}")


def _console() -> Console:
    # Names of configs, runs and paths are text, not markup: [b] is no bold.
    return Console(highlight=False, markup=False)


def _p(p: float) -> str:
    """`.032`, `< .001`, or a dash where nothing was tested."""
    return labels.MISSING if pd.isna(p) else p_text(p).removeprefix("p ").removeprefix("= ")


def _point_text(point: Mapping[str, Any], score: str, *, sign: bool = False) -> str:
    value, low, high = (point[score], point[f"{score}_low"], point[f"{score}_high"])
    return "" if pd.isna(value) else labels.estimate(value, low, high, sign=sign)


def _arm_line(arm: str, scores: Mapping[str, Any]) -> str:
    """`LOSO: UF1 .611 [.512, .701], ..., mean of 5 runs (SD .012, ...); 95% intervals ...`."""
    shown = []
    for score, label in LABELS.items():
        values = scores[score]
        shown.append(f"{label} {labels.estimate(values['mean'], *values['interval'])}")
    first = scores["uf1"]
    spread = ""
    if first["n_runs"] > 1:
        deviations = ", ".join(labels.score(scores[score]["sd"]) for score in LABELS)
        spread = f", mean of {first['n_runs']} runs (SD {deviations})"
    level = labels.percent(first["level"])
    few = ""
    # Earlier versions did not record the number.
    if first.get("n_subjects", FEW) < FEW:
        few = f" ({first['n_subjects']}: too few to rely on)"
    return f"{arm}: {', '.join(shown)}{spread}; {level} intervals over subjects{few}"
