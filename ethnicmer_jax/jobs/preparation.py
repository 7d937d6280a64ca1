"""From a config to what trains it: check, database, clips, plan of folds, trainer.

Each step is a function of its own; `prepare` takes all of them. The trainer is the engine
for networks, `shallow.Shallow` for the reference's second classifier and `mixed.Mixed` for the
mean of both. All see the same folds and leave the same table of predictions.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import ml_collections

from ethnicmer_jax.base import class_schemes, progress, sums
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.data import class_labels, targets
from ethnicmer_jax.data.dataset import Dataset, load
from ethnicmer_jax.jobs import check
from ethnicmer_jax.protocols import Plan, build, leaks
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.protocols.network_file import Taught

if TYPE_CHECKING:
    from data_builders.database.pipeline import BuildOptions


class Trainer(Protocol):
    """What trains the folds of a plan over a dataset.

    Attributes:
      dataset: the clips.
      notes: lines on what was decided that a reader of the results should know.
    """

    dataset: Dataset
    notes: tuple[str, ...]

    def train(self, workdir: pathlib.Path | None = None) -> Predictions | None:
        """Trains the folds that are not finished, and predicts every fold's test clips.

        None where no fold tests anything, and in all processes but the first one.
        """

    def environment(self) -> dict[str, Any]:
        """Versions, devices and command behind the results."""

    def clear(self, workdir: pathlib.Path) -> None:
        """Removes the results of single folds, once predictions.csv holds them all."""


@dataclasses.dataclass(frozen=True)
class Clips:
    """The clips that a config is about.

    Attributes:
      dataset: those that have a class under `data.classes`.
      database: fingerprinted name of the built database that they are read from.
      notes: lines on the classes that a reader of the results should know.
    """

    dataset: Dataset
    database: str
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Everything that can be refused has been; nothing is trained yet.

    Attributes:
      trainer: an Engine where `config.classifier` is "network", a Mixed where it is one of
        `check.MIXED`.
      plan: its folds and grouping; its notes, those on the classes and the trainer's.
      database: fingerprinted name of the built database.
      starts: branch -> fingerprint of the weights that it starts from, if any.
      start_taught: whom and what those have learnt from, as far as they say.
    """

    trainer: Trainer
    plan: Plan
    database: str
    starts: Mapping[str, str]
    start_taught: Taught


def prepare(config: ml_collections.ConfigDict, images: Collection[str] = ()) -> Prepared:
    """Everything from the config to the trainer; the database is built where it is missing.

    Args:
      config: see configs/common.py.
      images: which of `dataset.IMAGES` are held beside those that the model sees.

    Raises:
      UserError: a setting is not possible.
    """
    check.settings(config)
    check.inputs(config)
    check.network(config)
    clips = read(config, images)
    plan = build(config.protocol, clips.dataset, config.seed)
    starts, taught = starting_points(config, clips.dataset, plan.folds)
    trainer = trainer_of(config, clips.dataset, plan)
    plan = dataclasses.replace(plan, notes=plan.notes + clips.notes + trainer.notes)
    return Prepared(trainer, plan, clips.database, starts, taught)


def starting_points(
    config: ml_collections.ConfigDict, dataset: Dataset, folds: FoldTable
) -> tuple[dict[str, str], Taught]:
    """Fingerprints of the weights that `config.init` names, and whom they have learnt from.

    Raises:
      UserError: a fold tests somebody who has taught them.
    """
    taught, marks = Taught(), dict[str, str]()
    if not (config.init.path or config.init.ethnic_path):
        return marks, taught
    from ethnicmer_jax.models import registry
    from ethnicmer_jax.training import pretrained

    for branch, start in pretrained.read(config, registry.build(config.model)).items():
        marks[branch] = start.fingerprint
        if start.taught is not None:
            leaks.refuse_tests(start.setting, start.taught, folds, dataset)
            taught |= start.taught
    return marks, taught


def read(config: ml_collections.ConfigDict, images: Collection[str] = ()) -> Clips:
    """The clips of a config, from its database.

    Args:
      config: see configs/common.py.
      images: which of `dataset.IMAGES` are held beside those that the model sees.

    Raises:
      UserError: the raw data cannot be used, or no clip has a class.
    """
    scheme = class_schemes.parse(config.data.classes)
    seen = (config.model.emotion_input, config.model.ethnic_input)
    held = {*images, *(["apex_image"] if "apex" in seen else [])}
    database, dataset = _loaded(config, held)
    found = class_labels.classed(dataset, scheme, tuple(config.protocol.databases))
    return Clips(found.dataset, database.parent.name, found.notes)


def _loaded(config: ml_collections.ConfigDict, images: set[str]) -> tuple[pathlib.Path, Dataset]:
    """A config's database and its clips; one that is damaged is set aside and built again."""
    from data_builders.database import ensure

    database = built(config)
    try:
        return database, load(database, images)
    except sums.DamagedError as error:
        progress.say(f"{error.path} is damaged or lost")
        summed = bool(sums.recorded(database))
        ensure.set_aside(pathlib.Path(config.data.data_dir), database, summed)
    return database, load(built(config), images)


def trainer_of(config: ml_collections.ConfigDict, dataset: Dataset, plan: Plan) -> Trainer:
    """What trains the folds of a plan.

    Raises:
      UserError: a setting does not go with the clips.
    """
    labels = targets.of_config(config, dataset, plan.grouping)
    return trainer_class(config.classifier)(config, dataset, labels, plan.folds)


def trainer_class(
    classifier: str,
) -> Callable[[ml_collections.ConfigDict, Dataset, targets.Targets, FoldTable], Trainer]:
    """What trains folds with such a classifier, once it is called with clips and folds."""
    # JAX takes seconds to import, and only networks need it.
    if classifier in check.SHALLOW:
        from ethnicmer_jax.training.shallow import Shallow

        return Shallow
    if classifier in check.MIXED:
        from ethnicmer_jax.training.mixed import Mixed

        return Mixed
    from ethnicmer_jax.training.engine import Engine

    return Engine


def built(config: ml_collections.ConfigDict) -> pathlib.Path:
    """The built database that the config asks for; built where it is missing."""
    from data_builders.database.ensure import ensure
    from data_builders.simulation.options import from_mapping

    data = config.data
    return ensure(
        data.source,
        data.raw,
        pathlib.Path(data.data_dir),
        build_options(config),
        from_mapping(data.simulated.to_dict()) if "simulated" in data.source.split("+") else None,
        pathlib.Path(data.ethnicity) if data.ethnicity else None,
        data.allow_outside,
    )


def build_options(config: ml_collections.ConfigDict) -> BuildOptions:
    """How clips are computed under a config: those of its database, and new ones alike."""
    from data_builders.database.pipeline import BuildOptions

    data = config.data
    return BuildOptions(
        flow_method=data.flow_method,
        stabilise=data.stabilise,
        flow_size=data.flow_size,
        image_size=data.image_size,
        detector=data.detector,
    )
