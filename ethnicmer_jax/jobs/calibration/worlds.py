"""Simulated databases of a known effect, small and many.

A design says who is filmed where and how the databases differ in everything but the
group; the effect is set beside it. Display rules depend on the group by the effect alone.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator, Sequence

import ml_collections

from data_builders.simulation.options import SimulatedOptions, from_mapping
from data_builders.sources import simulated
from ethnicmer_jax.base import class_schemes
from ethnicmer_jax.base.schema import ClipRecord
from ethnicmer_jax.data import class_labels
from ethnicmer_jax.data.dataset import Dataset, from_records


@dataclasses.dataclass(frozen=True)
class World:
    """One simulated joint database.

    Attributes:
      design: a key of `config.calibration.designs`.
      effect: see `SimulatedOptions.effect`.
      number: which of those of its design and effect. The same number has the same
        people and clips at every effect, moving otherwise.
    """

    design: str
    effect: float
    number: int

    @property
    def name(self) -> str:
        """Such as "balanced_08-0.25-0007"."""
        return f"{self.design}-{self.effect:g}-{self.number:04d}"


def options(world: World, config: ml_collections.ConfigDict) -> Iterator[SimulatedOptions]:
    """What each database of a world is like.

    Args:
      world: which one.
      config: see configs/calibrate.py; `data.simulated` holds for all databases, a
        design's own settings come on top.

    Raises:
      UserError: a setting is not known or out of range.
    """
    common = config.data.simulated.to_dict()
    identity = f"{common['seed']}/{world.design}/{world.number}"
    fixed = {"seed": zlib.crc32(identity.encode()), "effect": world.effect}
    for own in config.calibration.designs[world.design].databases.values():
        yield from_mapping({**common, **fixed, **own.to_dict()})


def motion_fields(world: World, config: ml_collections.ConfigDict) -> Dataset:
    """The world's clips that have a class, their flow drawn without frames."""
    how = config.data.flow_size, config.data.stabilise
    made = [simulated.draw_motion_fields(each, *how) for each in options(world, config)]
    return _classed([record for records in made for record in records], config)


def frames(world: World, config: ml_collections.ConfigDict) -> Dataset:
    """The same clips drawn as frames, from which face and flow are found as for real ones."""
    from data_builders.database.pipeline import BuildOptions, make_record

    how = BuildOptions(
        flow_method=config.data.flow_method,
        stabilise=config.data.stabilise,
        flow_size=config.data.flow_size,
        image_size=config.data.image_size,
        detector=config.data.detector,
    )
    tasks = [task for each in options(world, config) for task in simulated.list_clips(each).tasks]
    return _classed([make_record(task, how) for task in tasks], config)


def _classed(records: Sequence[ClipRecord], config: ml_collections.ConfigDict) -> Dataset:
    scheme = class_schemes.parse(config.data.classes)
    return class_labels.classed(from_records(records), scheme).dataset
