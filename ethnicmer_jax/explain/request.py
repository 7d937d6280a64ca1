"""What a command line asks to explain, checked against itself and against a work directory."""

from __future__ import annotations

import dataclasses
import fnmatch
import hashlib
import json
import math
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

import ml_collections
import numpy as np
from jaxtyping import Bool, Int, Shaped

from ethnicmer_jax.base import reportable
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.base.grouping import Grouping
from ethnicmer_jax.base.run_id import POOLED
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.explain import folds, maps
from ethnicmer_jax.explain.views import HEADS
from ethnicmer_jax.jobs import check, work_directory
from ethnicmer_jax.models.backbones import tap
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.report import explained

_EXPLAINED_JOB = pathlib.Path("jobs") / POOLED
"""The job of a study whose networks are explained: they were trained on everybody."""

SELECTION = ("clips", "groups", "runs", "heads")
"""Fields that name a part of a job; the others say how it is explained."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What to explain, and how.

    Attributes:
      clips: globs on database/subject/clip; () for all.
      groups: one or two of the job's grouping; () for its first two.
      runs: globs on run ids; () for the first run.
      heads: see `views.choose`.
      methods: some of `maps.METHODS`, in order.
      explained: one of `folds.EXPLAINED`.
      max_clips: explain at most so many clips, drawn at random; 0 for all.
      label_folds: folds trained anew on shuffled labels; 0 for none.
      seed: of whatever is drawn.
      eyes: pupils' distance and height as shares of the crop; () for our own crops.
      layer: whose feature map the gradients are of, see `tap`.

    Raises:
      UserError: a value is not possible, whatever the job.
    """

    clips: Sequence[str] = ()
    groups: Sequence[str] = ()
    runs: Sequence[str] = ()
    heads: Sequence[str] = ()
    methods: Sequence[str] = maps.METHODS
    explained: str = folds.EXPLAINED[0]
    max_clips: int = 0
    label_folds: int = 4
    seed: int = 0
    eyes: Sequence[str] = ()
    layer: str = tap.LAST

    def __post_init__(self) -> None:
        _check_known("head", self.heads, HEADS)
        _check_known("method", self.methods, maps.METHODS)
        _check_known("kind of explained class", [self.explained], folds.EXPLAINED)
        if not self.methods:
            raise UserError(f"--methods is empty; choose from {', '.join(maps.METHODS)}")
        for name in (*SELECTION, "methods"):
            values = getattr(self, name)
            twice = [value for value in values if list(values).count(value) > 1]
            if twice:
                raise UserError(f"--{name} names {twice[0]} twice; name it once")
        if len(self.groups) > 2:
            raise UserError(f"--groups={','.join(self.groups)}: name two groups to compare, or one")
        _ = self.crop(None)

    def crop(self, recorded: CropGeometry | None) -> CropGeometry:
        """Where the pupils lie in the crops.

        Args:
          recorded: what the database says; None where it does not know.

        Returns:
          What `eyes` says, else what the database says, else that of our own crops.

        Raises:
          UserError: `eyes` is not two shares.
        """
        if not self.eyes:
            return recorded or CropGeometry.of_margin()
        try:
            distance, height = (float(value) for value in self.eyes)
        except ValueError:
            distance = height = math.nan
        if not (0 < distance < 1 and 0 < height < 1):
            raise UserError(
                f"--eyes={','.join(self.eyes)} is not the pupils' distance and height as two "
                "shares of the crop, such as 0.45,0.25"
            )
        return CropGeometry(distance, height)

    @property
    def folder(self) -> str:
        """Name of the folder in the work directory: a selection has one of its own."""
        selection = {name: value for name, value in self._given().items() if name in SELECTION}
        if not selection:
            return explained.FOLDER
        text = json.dumps(selection)
        words = "-".join(re.findall("[A-Za-z0-9]+", text))[:40].rstrip("-")
        return f"{explained.FOLDER}-{words}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"

    def flags(self) -> list[str]:
        """The flags that ask for the same; what is left at its default is not named."""
        return [
            f"--{name}={','.join(value) if isinstance(value, tuple) else value}"
            for name, value in self._given().items()
        ]

    def _given(self) -> dict[str, str | int | tuple[str, ...]]:
        """The fields that are not left at their defaults."""
        given = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            value = value if isinstance(value, str | int) else tuple(value)
            if value != field.default:
                given[field.name] = value
        return given


def trained_in(directory: pathlib.Path) -> tuple[ml_collections.ConfigDict, pathlib.Path]:
    """The config and the checkpoints' directory of a job, or of a study's pooled job.

    Raises:
      UserError: there is nothing to explain; the message says how to mend it.
    """
    where = directory / _EXPLAINED_JOB if (directory / "jobs").is_dir() else directory
    if not (where / "config.json").is_file():
        raise UserError(f"{where} holds no job; name the --workdir of a finished job or study")
    reportable.refuse(where, "explain")
    config = work_directory.recorded(where)
    check.has_checkpoints(config)
    if not (where / "checkpoints").is_dir():
        raise UserError(
            f"{where} holds no checkpoints (checkpoint.keep is {config.checkpoint.keep}); train "
            "again in a new --workdir with --config.checkpoint.keep=final"
        )
    return config, where


def check_groups(request: Request, grouping: Grouping) -> None:
    """Refuses groups that the job does not know.

    Raises:
      UserError: a group is not one of the job's grouping.
    """
    for name in request.groups:
        if name not in grouping.names:
            raise UserError(
                f"there is no group {name!r} in grouping {grouping.name}; "
                f"choose from {', '.join(grouping.names)}"
            )


def chosen_clips(
    request: Request,
    table: FoldTable,
    dataset: Dataset,
    group: Shaped[np.ndarray, " clips"],
) -> dict[int, Int[np.ndarray, " _"]]:
    """Row of the fold table -> its test clips that are wanted.

    Args:
      request: what is asked for.
      table: folds of the job.
      dataset: clips of the job.
      group: of every clip.

    Raises:
      UserError: nothing fits.
    """
    rows = np.flatnonzero(table.run == table.run[0])
    if request.runs:
        rows = np.flatnonzero(_matching(table.run, request.runs, "run", "--runs"))
    wanted = table.test.select(rows).union()
    wanted &= _matching(dataset.key, request.clips, "clip", "--clips")
    if request.groups:
        wanted &= np.isin(group, request.groups)
    if not wanted.any():
        raise UserError("no fold of these runs tests a clip of --clips and --groups")
    if request.max_clips and wanted.sum() > request.max_clips:
        rng = np.random.default_rng(request.seed)
        drawn = rng.choice(np.flatnonzero(wanted), request.max_clips, replace=False)
        wanted = np.isin(np.arange(len(wanted)), drawn)
    tests = {int(row): np.flatnonzero(table.test[row] & wanted) for row in rows}
    return {row: clips for row, clips in tests.items() if len(clips)}


def compared_groups(
    request: Request,
    grouping: Grouping,
    group: Shaped[np.ndarray, " clips"],
    tests: Mapping[int, Int[np.ndarray, " _"]],
) -> tuple[str, ...]:
    """At most two groups, in order; those without a clip that is explained are left out."""
    there = set(group[np.concatenate(list(tests.values()))])
    return tuple(name for name in request.groups or grouping.names if name in there)[:2]


def _check_known(kind: str, names: Sequence[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise UserError(f"there is no {kind} {name!r}; choose from {', '.join(known)}")


def _matching(
    names: Shaped[np.ndarray, " n"], globs: Sequence[str], what: str, flag: str
) -> Bool[np.ndarray, " n"]:
    """Which names fit one of the globs, all where there are none.

    Raises:
      UserError: a glob fits no name.
    """
    if not globs:
        return np.ones(len(names), bool)
    fits = np.array([_fitting(names, glob) for glob in globs])
    for glob, fitting in zip(globs, fits, strict=True):
        if not fitting.any():
            raise UserError(f"no {what} is called {glob} ({flag}); one is {names[0]}")
    return fits.any(0)


def _fitting(names: Shaped[np.ndarray, " n"], glob: str) -> Bool[np.ndarray, " n"]:
    """Those that are called so, brackets and stars included, or else those that a glob fits."""
    same = names == glob
    return same if same.any() else np.array([fnmatch.fnmatchcase(name, glob) for name in names])
