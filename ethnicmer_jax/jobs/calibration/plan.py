"""Which simulated databases a calibration needs, in chunks that are trained together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import ml_collections

from ethnicmer_jax.analysis import effects
from ethnicmer_jax.base import class_schemes
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data import adaptation
from ethnicmer_jax.jobs.calibration.worlds import World, options


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Databases of one design and effect that share a data set and a compiled program."""

    worlds: tuple[World, ...]

    @property
    def name(self) -> str:
        """Such as "balanced_08-0.25-0000-0024": the first world, and the number of the last."""
        return f"{self.worlds[0].name}-{self.worlds[-1].number:04d}"


def chunks(config: ml_collections.ConfigDict) -> list[Chunk]:
    """Everything to do, in order.

    Args:
      config: see configs/calibrate.py.

    Raises:
      UserError: a design is not possible, databases would have classes of their own, or a
        setting tells databases apart.
    """
    for name in adaptation.by_database(config):
        raise UserError(
            f"{name} tells databases apart, and those of a calibration are trained together as "
            "many more than one study has: leave it out"
        )
    few = config.calibration.relabellings
    if few and 2 / (1 + few) > effects.ALPHA:
        raise UserError(
            f"calibration.relabellings is {few}: with fewer than 39 no outcome reaches a p of "
            f"{effects.ALPHA:g}; set it to 39 or more, or to 0 for no exact test"
        )
    scheme = class_schemes.parse(config.data.classes)
    if scheme.depends_on_clips:
        raise UserError(
            f"data.classes={scheme.name}: what its classes are depends on the clips, and the "
            "databases of a calibration are trained together; name one such as 5:casme2 or 7, or "
            "end a mapping with *="
        )
    return list(_chunks(config))


def is_tested(world: World, config: ml_collections.ConfigDict) -> bool:
    """Whether a database gets the randomisation test."""
    settings = config.calibration
    most = settings.exact_databases or settings.databases + settings.power_databases
    return settings.relabellings > 0 and world.number < most


def _chunks(config: ml_collections.ConfigDict) -> Iterator[Chunk]:
    settings = config.calibration
    for name, design in settings.designs.items():
        for effect in sorted(set(settings.effects)) if design.vary_effect else (0.0,):
            count = settings.power_databases if effect else settings.databases
            worlds = tuple(World(name, float(effect), number) for number in range(count))
            # What the simulation refuses, it refuses before anything is trained.
            list(options(worlds[0], config))
            for start in range(0, count, settings.chunk):
                yield Chunk(worlds[start : start + settings.chunk])
