"""Which settings of the engine are possible: refused before a work directory is claimed."""

from __future__ import annotations

import jax
import ml_collections

from ethnicmer_jax import checkpoint, optim
from ethnicmer_jax.schema import UserError

_LEAST = {
    "optim": {"epochs": 1, "batch_size": 1, "warmup_epochs": 0},
    "engine": {"devices": 0, "fold_batch": 0, "folds_in_flight": 0},
}
"""Smallest values that are possible."""


def check(config: ml_collections.ConfigDict) -> None:
    """Refuses what would fail only once training has begun.

    Raises:
      UserError: the message names the setting.
    """
    checkpoint.check_keep(config.checkpoint.keep)
    optim.learning_rate(config.optim, 0)
    for section, least in _LEAST.items():
        for name, value in least.items():
            if config[section][name] < value:
                raise UserError(
                    f"{section}.{name} is {config[section][name]}; it must be {value} or more"
                )
    there = len(jax.local_devices())
    if config.engine.devices > there:
        raise UserError(
            f"engine.devices is {config.engine.devices} and there are {there}; 0 takes them all"
        )
