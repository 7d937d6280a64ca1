"""A run from Python, and what a work directory holds: metrics, predictions, report."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ethnicmer_jax import jobs
from ethnicmer_jax.api import config as configs
from ethnicmer_jax.api.places import Path, place
from ethnicmer_jax.base import cli, environment, files, reportable
from ethnicmer_jax.base import predictions as predictions_file
from ethnicmer_jax.base.recorded_config import grouping_of
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import work_directory

if TYPE_CHECKING:
    from ethnicmer_jax.analysis.paired import Findings


class NotReportableWarning(UserWarning):
    """Scores that must not be reported: test clips have chosen what predicts them."""


@dataclasses.dataclass(frozen=True)
class Result:
    """The work directory of a finished run.

    Attributes:
      workdir: the directory.
    """

    workdir: pathlib.Path

    @functools.cached_property
    def metrics(self) -> dict[str, Any]:
        """metrics.json: "runs" (each run's pooled scores), "summary" (means, intervals), ..."""
        path = self.workdir / "metrics.json"
        if not path.is_file():
            raise UserError(f"{path} does not exist; finish the run first")
        values = files.read_json(path)
        _warn(values.get(reportable.COLUMN, ""))
        return values

    @functools.cached_property
    def predictions(self) -> pd.DataFrame:
        """One row per run, fold and test clip; see `em.predictions`."""
        return predictions(self.workdir)

    @property
    def report(self) -> pathlib.Path:
        """The page with tables and figures, to be opened in a browser."""
        return self.workdir / "report" / "index.html"

    def explain(self, **how: Any) -> pathlib.Path:
        """Where the held-out networks look: the page of `python -m ethnicmer_jax explain`.

        Args:
          **how: the options of that command, such as clips=["casme2/*/*"], methods=["hirescam"],
            label_folds=0, max_clips=40; and output, overwrite.

        Returns:
          The path of the page.

        Raises:
          UserError: there are no checkpoints, or an option is not possible.
        """
        from ethnicmer_jax.explain import run
        from ethnicmer_jax.explain.request import Request

        output, overwrite = how.pop("output", None), how.pop("overwrite", False)
        known = {field.name for field in dataclasses.fields(Request)}
        if unknown := sorted(set(how) - known):
            raise UserError(
                f"explain has no option {unknown[0]}; it has {', '.join(sorted(known))}"
            )
        target = None if output is None else cli.directory("output", os.fspath(output))
        return run.run(self.workdir, Request(**how), target, overwrite)

    @property
    def scores(self) -> pd.DataFrame:
        """UF1, UAR and accuracy of every run, pooled over its test clips; one row per run."""
        rows = {
            run: {name: x for name, x in values.items() if not isinstance(x, dict | list)}
            for run, values in self.metrics["runs"].items()
        }
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("run")
        if reason := self.metrics.get(reportable.COLUMN):
            table[reportable.COLUMN] = reason
        return table


def run(
    config: configs.Source,
    workdir: Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    mode: str = "all",
) -> Result:
    """Runs a job or a study; what is finished in its work directory is not done again.

    The same as `python -m ethnicmer_jax.main`. On a CPU every core becomes a device of JAX,
    unless JAX has computed something before.

    Args:
      config: name, file or config; see `em.config`.
      workdir: the directory for everything that is written; made if it does not exist.
      overrides: setting -> value, such as {"optim.epochs": 2}; see `em.config`.
      mode: "all", or a part of it: "train", "evaluate" (predicts again from checkpoints),
        "report".

    Raises:
      UserError: anything that you can mend, in one line.

    Example:
      >>> result = em.run("smoke", "runs/smoke", {"optim.epochs": 1})  # doctest: +SKIP
      >>> result.scores.loc["loso-seed0", "uf1"]  # doctest: +SKIP
    """
    if mode not in jobs.MODES:
        raise UserError(f"mode is {mode!r}; it must be one of {', '.join(jobs.MODES)}")
    directory = cli.directory("workdir", str(place("workdir", workdir)))
    made = configs.config(config, overrides)
    environment.prefer_core_devices()
    jobs.run(made.lock(), directory, mode)
    return Result(directory)


def predictions(workdir: Path) -> pd.DataFrame:
    """The predictions of a finished work directory as a table.

    Codes of databases, subjects and clips are text: subject "006" stays "006".

    Args:
      workdir: of a job, a study, an ensemble or a selection.

    Returns:
      One row per (run, fold, clip), without inner validation: run, part (contrast or job of
      a study, ""), cell, draw and seed (Int64, missing where there is none), fold, database,
      subject, clip, emotion (the true class), predicted (the most probable class), correct
      (bool), ethnicity, group (of the config's grouping, "" for none), p_<class> in [0, 1]
      and, with an ethnic branch, q_<ethnicity>.

    Raises:
      UserError: predictions.csv is missing, damaged or lacks rows.

    Example:
      >>> table = em.predictions("runs/smoke")  # doctest: +SKIP
      >>> table.groupby("group")["correct"].mean()  # doctest: +SKIP
    """
    directory = place("workdir", workdir)
    table = work_directory.read(directory).table.outer()
    _warn(table.not_reportable)
    runs = table.run_table.set_index("run").loc[table.table["run"]].reset_index(drop=True)
    numbers = {name: runs[name].astype("Int64").where(runs[name] >= 0) for name in ("draw", "seed")}
    predicted = pd.Series(table.classes).to_numpy(object)[table.predicted]
    given = table.table.drop(columns=list(predictions_file.TEXT_COLUMNS))
    texts, members = table.table, _members(directory)
    return pd.DataFrame(
        {
            "run": texts["run"],
            **{name: runs[name] for name in ("part", "cell")},
            **numbers,
            **{name: texts[name] for name in ("fold", "database", "subject", "clip", "emotion")},
            "predicted": predicted,
            "correct": predicted == texts["emotion"].to_numpy(object),
            "ethnicity": texts["ethnicity"],
            "group": [members.get(ethnicity, "") for ethnicity in texts["ethnicity"]],
            **{name: given[name] for name in given},
        }
    )


def compare(
    a: Path | Result,
    b: Path | Result,
    *others: Path | Result,
    common: bool = False,
    all_pairs: bool = False,
    output: Path | None = None,
    overwrite: bool = False,
) -> Findings:
    """Compares results on the same clips: b, and others, with a.

    Subjects are resampled, the same ones on both sides, and answers to whole subjects are
    swapped for a p value, with Holm's correction; see docs/compare.md.

    Args:
      a: the baseline: a result, a work directory or a predictions.csv.
      b: what is compared with it.
      *others: more of them.
      common: compare the arms and clips that all of them test, where those differ.
      all_pairs: compare every pair, not only each with `a`.
      output: a folder for a page, figures and tables; None writes nothing.
      overwrite: whether a comparison that is there may be replaced.

    Returns:
      Its frames `scores` and `differences` have estimates, intervals and p values;
      `conclusions` says it in words, `notes` what to know about it.

    Raises:
      UserError: the results cannot be compared, and why.

    Example:
      >>> found = em.compare("runs/baseline", "runs/embed")  # doctest: +SKIP
      >>> print(*found.conclusions)  # doctest: +SKIP
    """
    # With its page come the figures, whose import takes a second.
    from ethnicmer_jax.jobs import comparison

    sides = [one.workdir if isinstance(one, Result) else one for one in (a, b, *others)]
    folder = None if output is None else cli.directory("output", str(place("output", output)))
    places = [place("a result", side) for side in sides]
    how = {"common": common, "all_pairs": all_pairs, "overwrite": overwrite}
    found = comparison.write(places, folder, **how)[0]
    for note in found.notes:
        if note.startswith(reportable.MARK):
            warnings.warn(note, NotReportableWarning, 2)
    return found


def _warn(reason: str) -> None:
    """Warns whoever has called the caller, where there is a reason."""
    if reason:
        warnings.warn(reportable.marked(reason), NotReportableWarning, 3)


def _members(directory: pathlib.Path) -> Mapping[str, str]:
    """Ethnicity -> group under the grouping of the directory's config."""
    path = directory / "config.json"
    chosen = grouping_of(files.read_json(path)) if path.is_file() else None
    return chosen.members if chosen else {}
