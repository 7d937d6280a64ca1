"""What a command line asks to explain, checked against a work directory."""

from __future__ import annotations

import dataclasses
import fnmatch
import math
import pathlib
from collections.abc import Sequence

import ml_collections
import numpy as np

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.explain import folds
from ethnicmer_jax.explain.regions import Layout
from ethnicmer_jax.jobs import check, work_directory
from ethnicmer_jax.models.backbones import tap
from ethnicmer_jax.protocols import Plan
from ethnicmer_jax.protocols.fold_table import FoldTable

POOLED = pathlib.Path("jobs") / "pooled"
"""The job of a study whose networks are explained: they were trained on everybody."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What to explain, and how.

    Attributes:
      clips: globs on database/subject/clip; () for all.
      groups: of the job's grouping; () for its first two.
      runs: globs on run ids; () for the first run.
      heads: see `views.choose`.
      methods: some of `folds.METHODS`, in order.
      explained: one of `folds.EXPLAINED`.
      max_clips: explain at most so many clips, drawn at random; 0 for all.
      label_folds: folds trained anew on shuffled labels; 0 for none.
      seed: of whatever is drawn.
      eyes: pupils' distance and height as shares of the crop; () for our own crops.
      layer: whose feature map the gradients are of, see `tap`.
    """

    clips: Sequence[str] = ()
    groups: Sequence[str] = ()
    runs: Sequence[str] = ()
    heads: Sequence[str] = ()
    methods: Sequence[str] = folds.METHODS
    explained: str = folds.EXPLAINED[0]
    max_clips: int = 0
    label_folds: int = 4
    seed: int = 0
    eyes: Sequence[str] = ()
    layer: str = tap.LAST

    def __post_init__(self) -> None:
        for method in self.methods:
            if method not in folds.METHODS:
                raise UserError(
                    f"there is no method {method!r}; choose from {', '.join(folds.METHODS)}"
                )
        if not self.methods:
            raise UserError(f"--methods names none; choose from {', '.join(folds.METHODS)}")

    @property
    def layout(self) -> Layout:
        """Where the pupils lie in the crops.

        Raises:
          UserError: `eyes` is not two shares.
        """
        if not self.eyes:
            return Layout()
        try:
            distance, height = (float(value) for value in self.eyes)
        except ValueError:
            distance = height = math.nan
        if not (0 < distance < 1 and 0 < height < 1):
            raise UserError(
                f"--eyes={','.join(self.eyes)} is not the pupils' distance and height as two "
                "shares of the crop, such as 0.45,0.25"
            )
        return Layout(distance, height)

    def flags(self, directory: pathlib.Path) -> list[str]:
        """The command line that asks for the same; what is left at its default is not named."""
        flags = [f"--workdir={directory}"]
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            several = not isinstance(value, str | int)
            if (tuple(value) if several else value) != field.default:
                flags.append(f"--{field.name}={','.join(value) if several else value}")
        return flags


def trained_in(directory: pathlib.Path) -> tuple[ml_collections.ConfigDict, pathlib.Path]:
    """The config and the checkpoints' directory of a job, or of a study's pooled job.

    Raises:
      UserError: there is nothing to explain; the message says how to mend it.
    """
    where = directory / POOLED if (directory / "jobs").is_dir() else directory
    if not (where / "config.json").is_file():
        raise UserError(f"{where} holds no job; name the --workdir of a finished job or study")
    config = work_directory.recorded(where)
    check.has_checkpoints(config)
    if not (where / "checkpoints").is_dir():
        raise UserError(
            f"{where} holds no checkpoints (checkpoint.keep is {config.checkpoint.keep}); train "
            "again in a new --workdir with --config.checkpoint.keep=final"
        )
    return config, where


def tests(request: Request, plan: Plan, dataset: Dataset, group: np.ndarray) -> dict:
    """The test clips that are wanted of every fold: row -> int [m].

    Args:
      request: what is asked for.
      plan: of the job.
      dataset: its clips.
      group: str [n], the group of every clip.

    Raises:
      UserError: nothing fits.
    """
    wanted = _matching(dataset.key, request.clips, "clip", "--clips")
    if request.groups:
        wanted &= np.isin(group, request.groups)
    if request.max_clips and wanted.sum() > request.max_clips:
        rng = np.random.default_rng(request.seed)
        drawn = rng.choice(np.flatnonzero(wanted), request.max_clips, replace=False)
        wanted = np.isin(np.arange(len(wanted)), drawn)
    rows = _rows(request, plan.folds)
    chosen = {int(row): np.flatnonzero(plan.folds.test[row] & wanted) for row in rows}
    chosen = {row: clips for row, clips in chosen.items() if len(clips)}
    if not chosen:
        raise UserError("no fold of these runs tests a clip of --clips and --groups")
    return chosen


def two_groups(request: Request, plan: Plan, group: np.ndarray) -> tuple[str, ...]:
    """The groups that are compared, in order; those without a clip are left out.

    Raises:
      UserError: a group is not one of the job's grouping.
    """
    names = plan.grouping.names
    for name in request.groups:
        if name not in names:
            raise UserError(
                f"there is no group {name!r} in grouping {plan.grouping.name}; "
                f"choose from {', '.join(names)}"
            )
    there = [name for name in request.groups or names if (group == name).any()]
    return tuple(there[:2])


def _rows(request: Request, table: FoldTable) -> np.ndarray:
    if not request.runs:
        return np.flatnonzero(table.run == table.run[0])
    return np.flatnonzero(_matching(table.run, request.runs, "run", "--runs"))


def _matching(names: np.ndarray, globs: Sequence[str], what: str, flag: str) -> np.ndarray:
    if not globs:
        return np.ones(len(names), bool)
    found = np.array([any(fnmatch.fnmatchcase(name, glob) for glob in globs) for name in names])
    if not found.any():
        raise UserError(f"no {what} is called {' or '.join(globs)} ({flag}); one is {names[0]}")
    return found
