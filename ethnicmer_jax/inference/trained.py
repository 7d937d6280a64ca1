"""The trained models of a work directory: probabilities and features of clips."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ml_collections
import numpy as np
import pandas as pd
from jaxtyping import Int

from ethnicmer_jax.base import reportable
from ethnicmer_jax.base.run_id import ALL, POOLED
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.inference import labels
from ethnicmer_jax.inference.expected import Expected
from ethnicmer_jax.inference.members import Choice, Member, Members
from ethnicmer_jax.jobs import check, final_models, preparation, work_directory
from ethnicmer_jax.protocols import build, network_file
from ethnicmer_jax.protocols.clip_sets import ClipSets
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.protocols.network_file import Networks

if TYPE_CHECKING:
    from ethnicmer_jax.training.engine import Engine

_KEY = ("database", "subject", "clip")


def open(directory: str | pathlib.Path, *, devices: int = 0) -> Trained:
    """Opens the models of a finished work directory; the database is not needed for networks.

    Args:
      directory: of a job with checkpoints or final models, or of a study, whose pooled job it
        opens.
      devices: how many local devices are used; 0 all of them. They do not change the results.

    Raises:
      UserError: there is no model, and how to get one.
    """
    where = _job(pathlib.Path(directory))
    reportable.refuse(where, "whoever predicts")
    config = work_directory.recorded(where)
    if work_directory.is_derived(config):
        raise UserError(
            f"{where} was made of the predictions of other jobs and holds no model; open one of "
            f"these: {', '.join(map(str, config.get('averaged', ())))}"
        )
    with config.unlocked():
        config.engine.devices = devices
    return Trained(where, config.lock())


class Trained:
    """The models of a work directory.

    Attributes:
      directory: the work directory that holds them.
      config: of the job; `engine.devices` is what was asked for.
      classes: the classes that they tell apart, in order.
      expected: the held-out score of the same recipe.
      members: all models, of held-out folds and final ones, in the order of training.
    """

    def __init__(self, directory: pathlib.Path, config: ml_collections.ConfigDict):
        """Reads what is recorded; no weights yet.

        Args:
          directory: of a finished job.
          config: of it.

        Raises:
          UserError: the job is not finished, or has kept no model.
        """
        self.directory, self.config = directory, config
        _check_finished(directory, config)
        networks = _networks(directory, config)
        self.classes: tuple[str, ...] = tuple(networks.classes.tolist())
        self._databases = networks.databases
        self.expected = Expected.read(directory, config.protocol.name)
        self._choosing = Members(networks)
        self.members: tuple[Member, ...] = self._choosing.all

    def choose(self, person: str | None) -> Choice:
        """The models that may predict a person.

        Nobody is predicted by a model that has learnt from them: a subject of the database gets
        the models of the folds that held exactly this subject out, of all seeds. Everybody else
        gets the final models; where there are none, all models of the held-out folds.

        Args:
          person: "database/subject"; None for somebody who is not of the database.

        Returns:
          The models, and a line that says which they are.

        Raises:
          UserError: the person has taught all of them.
        """
        return self._choosing.choose(person)

    def choices(self, dataset: Dataset) -> list[tuple[Choice, Int[np.ndarray, " _"]]]:
        """The models that may predict each of some clips, as `predict` chooses them.

        Beside `choose`: a clip whose flow is that of a clip of the database, under whatever name,
        is predicted by models that have not learnt from it; the note says so.

        Args:
          dataset: n clips.

        Returns:
          Choices, and the clips that each is for; every clip is in one of them.

        Raises:
          UserError: a person has taught all models.
        """
        return self._choosing.choices(dataset)

    def predict(self, dataset: Dataset) -> pd.DataFrame:
        """The probabilities of clips under each model that may predict them.

        Args:
          dataset: n clips, sorted or not, with whatever emotions; the ethnicity of a clip is told
            to models that are told one.

        Returns:
          One row per clip and model, clips in order: run, fold, seed, final, database, subject,
          clip, ethnicity (what the clip says); p_<class>, the probability of a class; where
          the models have an ethnic head q_<ethnicity>, what they read off the clip.

        Raises:
          UserError: a person has taught all models, weights are missing, or the clips lack what
            the models see.
        """
        members, table = self._table(dataset)
        held, targets = self._labelled(dataset)
        found = self._predicted(held, targets, table)
        return self._arranged(dataset, members, found.drop(columns="emotion"))

    def features(self, dataset: Dataset) -> pd.DataFrame:
        """What the final layer of each model that may predict a clip reads of it.

        The clip as it is, not mirrored; of a mean of two kinds, what the network reads. Features of
        models that were trained apart have no axes in common: compare clips within a model.

        Args:
          dataset: n clips, see `predict`.

        Returns:
          One row per clip and model, clips in order: run, fold, seed, final, database, subject,
          clip; f_0, f_1, ...

        Raises:
          UserError: see `predict`.
        """
        members, table = self._table(dataset)
        held, targets = self._labelled(dataset)
        parts = []
        for row, values in self._features(held, targets, table):
            clips = table.test.clips(row)
            of = {name: getattr(dataset, name)[clips] for name in _KEY}
            about = pd.DataFrame({"run": str(table.run[row]), "fold": str(table.fold[row])} | of)
            numbered = pd.DataFrame(values).add_prefix("f_")
            parts.append(pd.concat([about, numbered], axis=1))
        return self._arranged(dataset, members, pd.concat(parts, ignore_index=True))

    def engine(self, dataset: Dataset) -> Engine:
        """The networks as an engine over clips: its folds are models, which test their clips.

        Args:
          dataset: n clips, see `predict`.

        Raises:
          UserError: the classifier is no network, or see `predict`.
        """
        check.has_checkpoints(self.config)
        _, table = self._table(dataset)
        return self._engine(*self._labelled(dataset), table)

    def _labelled(self, dataset: Dataset) -> tuple[Dataset, Targets]:
        return labels.labelled(self.config, dataset, self.classes, self._databases)

    def _table(self, dataset: Dataset) -> tuple[list[Member], FoldTable]:
        """The models that are needed, and a fold of each that tests its clips."""
        test: dict[Member, np.ndarray] = {}
        for choice, clips in self.choices(dataset):
            for member in choice.members:
                test.setdefault(member, np.zeros(len(dataset), bool))[clips] = True
        members = sorted(test, key=lambda member: member.row)
        n, nobody = len(dataset), np.zeros(len(dataset), bool)
        table = FoldTable(
            np.asarray([member.run for member in members], np.str_),
            np.asarray([member.fold for member in members], np.str_),
            ClipSets.of([nobody for _ in members], n),
            ClipSets.of([test[member] for member in members], n),
            np.asarray([member.seed for member in members], np.int64),
        )
        return members, table

    def _predicted(self, dataset: Dataset, targets: Any, table: FoldTable) -> pd.DataFrame:
        if self.config.classifier in check.SHALLOW:
            from ethnicmer_jax.inference import shallow

            return shallow.predicted(self.config, dataset, table).table
        network = self._engine(dataset, targets, table).evaluate(self.directory)
        if self.config.classifier not in check.MIXED:
            return network.table
        from ethnicmer_jax.inference import shallow
        from ethnicmer_jax.training import mixed

        other = shallow.predicted(mixed.shallow_part(self.config), dataset, table)
        return mixed.averaged(network, other).table

    def _features(self, dataset: Dataset, targets: Any, table: FoldTable) -> Any:
        if self.config.classifier in check.SHALLOW:
            from ethnicmer_jax.inference import shallow

            return shallow.features(self.config, dataset, table)
        return self._engine(dataset, targets, table).features(self.directory)

    def _engine(self, dataset: Dataset, targets: Any, table: FoldTable) -> Engine:
        # JAX takes seconds to import.
        from ethnicmer_jax.training.engine import Engine

        if not (self.directory / "checkpoints").is_dir():
            raise UserError(f"{self.directory / 'checkpoints'} is missing: it holds the weights")
        return Engine(self._as_trained, dataset, targets, table)

    @functools.cached_property
    def _as_trained(self) -> ml_collections.ConfigDict:
        """The config without weights to start from: what was learnt since is in the checkpoints."""
        config = self.config.copy_and_resolve_references()
        with config.unlocked():
            for prefix in ("", "ethnic_"):
                if not config.init[f"{prefix}freeze"]:
                    config.init[f"{prefix}path"] = ""
        return config

    def _arranged(
        self, dataset: Dataset, members: Sequence[Member], table: pd.DataFrame
    ) -> pd.DataFrame:
        """The rows by clip, in the order of the dataset, then by model; with seed and final."""
        place = {key: number for number, key in enumerate(dataset.key.tolist())}
        clip = table["database"].str.cat([table["subject"], table["clip"]], sep="/").map(place)
        rank = {member.name: number for number, member in enumerate(members)}
        model = table["run"].str.cat(table["fold"], sep="/").map(rank)
        order = np.lexsort([model, clip])
        of_row = [members[number] for number in model.iloc[order]]
        values = table.iloc[order].reset_index(drop=True)
        at = values.columns.get_loc("fold") + 1
        values.insert(at, "seed", [member.seed for member in of_row])
        values.insert(at + 1, "final", [member.final for member in of_row])
        return values


def _job(directory: pathlib.Path) -> pathlib.Path:
    """The work directory that holds the models: of a study, its pooled job."""
    if (directory / "sweep.json").is_file():
        raise UserError(
            f"{directory} is a sweep; name one of its points, in {directory / 'points'}"
        )
    where = directory / "jobs" / POOLED if (directory / "jobs").is_dir() else directory
    if not (where / "config.json").is_file():
        raise UserError(f"{where} holds no job; name the work directory of a finished one")
    return where


def _check_finished(directory: pathlib.Path, config: ml_collections.ConfigDict) -> None:
    alone = config.protocol.name == ALL
    if not (directory / (final_models.FILE_NAME if alone else "predictions.csv")).is_file():
        raise UserError(
            f"{directory} is not finished; go on with python -m ethnicmer_jax.main "
            f"--workdir={directory}"
        )


def _networks(directory: pathlib.Path, config: ml_collections.ConfigDict) -> Networks:
    path = directory / network_file.FILE_NAME
    if path.is_file():
        return network_file.read(path)
    if config.classifier not in check.SHALLOW and not (directory / "checkpoints").is_dir():
        raise UserError(
            f"{directory} has kept no model (checkpoint.keep is {config.checkpoint.keep}); train "
            "again in a new --workdir with --config.protocol.final=True"
        )
    started = config.get("starts") or config.init.path or config.init.ethnic_path
    if started or (directory / final_models.FILE_NAME).is_file():
        raise UserError(
            f"{path} is missing, and nothing else says who has taught these models: bring it back "
            "from where they were trained"
        )
    # Of an earlier version: the same folds follow from the database.
    dataset = preparation.read(config).dataset
    return Networks.of(build(config.protocol, dataset, config.seed).folds, dataset)
