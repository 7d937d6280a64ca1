"""From a config to what trains it: the database, the plan of folds, the trainer.

The trainer is the engine for networks and `shallow.Shallow` for the reference's second
classifier. Both see the same folds and leave the same table of predictions.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Protocol

import ml_collections

from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data import targets
from ethnicmer_jax.data.dataset import Dataset, load
from ethnicmer_jax.protocols import Plan, build

SHALLOW = ("svm", "logistic")
CLASSIFIERS = ("network", *SHALLOW)


class Trainer(Protocol):
    """What trains the folds of a plan over a dataset.

    Attributes:
      dataset: the clips.
      notes: lines on what was decided that a reader of the results should know.
    """

    dataset: Dataset
    notes: tuple[str, ...]

    def train(self, workdir: pathlib.Path | None = None) -> Predictions | None:
        """Trains the folds that are not finished, and predicts every fold's test clips."""

    def environment(self) -> dict[str, Any]:
        """Versions, devices and command behind the results."""

    def clear(self, workdir: pathlib.Path) -> None:
        """Removes the results of single folds, once predictions.csv holds them all."""


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Everything that can be refused has been; nothing is trained yet.

    Attributes:
      trainer: an Engine where `config.classifier` is "network".
      plan: its folds and grouping; its notes and the trainer's.
      database: fingerprinted name of the built database.
    """

    trainer: Trainer
    plan: Plan
    database: str


def prepare(config: ml_collections.ConfigDict) -> Prepared:
    """Builds or finds the database, plans the folds and makes their trainer.

    Args:
      config: see configs/common.py.

    Raises:
      UserError: a setting is not possible.
    """
    make = trainer_class(config.classifier)
    database = built(config)
    dataset = load(database)
    plan = build(config.protocol, dataset, config.seed)
    labels = targets.build(
        dataset,
        config.data.classes,
        config.model.ethnic_target,
        plan.grouping,
        config.model.ethnic_labels,
        config.seed,
    )
    trainer = make(config, dataset, labels, plan.folds)
    plan = dataclasses.replace(plan, notes=plan.notes + trainer.notes)
    return Prepared(trainer, plan, database.parent.name)


def check_network(config: ml_collections.ConfigDict) -> None:
    """Refuses what only a network can do, of any other classifier.

    Raises:
      UserError: the config's classifier leaves no checkpoints.
    """
    if config.classifier in SHALLOW:
        raise UserError(
            f"classifier {config.classifier} keeps no checkpoints; "
            "run --mode=all, which trains it in little time, or set classifier to network"
        )


def trainer_class(classifier: str) -> type[Trainer]:
    """What trains folds with such a classifier; made from config, dataset, targets, folds.

    Raises:
      UserError: there is no such classifier.
    """
    # JAX takes seconds to import, and only networks need it.
    if classifier == "network":
        from ethnicmer_jax.training.engine import Engine

        return Engine
    if classifier in SHALLOW:
        from ethnicmer_jax.training.shallow import Shallow

        return Shallow
    raise UserError(
        f"there is no classifier {classifier!r}; choose one of {', '.join(CLASSIFIERS)}"
    )


def built(config: ml_collections.ConfigDict) -> pathlib.Path:
    """The built database that the config asks for; built where it is missing."""
    from data_builders.database.ensure import ensure
    from data_builders.database.pipeline import BuildOptions
    from data_builders.simulation.options import from_mapping

    data = config.data
    options = BuildOptions(
        flow_method=data.flow_method,
        flow_size=data.flow_size,
        image_size=data.image_size,
        detector=data.detector,
    )
    return ensure(
        data.source,
        data.raw,
        pathlib.Path(data.data_dir),
        options,
        from_mapping(data.simulated.to_dict()) if data.source == "simulated" else None,
        pathlib.Path(data.ethnicity) if data.ethnicity else None,
    )
