"""Which settings of the engine are possible: refused before a work directory is claimed."""

from __future__ import annotations

import jax
import ml_collections

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.training import checkpoint, optim

_LEAST = {
    "optim": {"epochs": 1, "batch_size": 1, "warmup_epochs": 0},
    "model": {"adversarial_pace": 0},
    "engine": {"devices": 0, "fold_batch": 0, "folds_in_flight": 0},
}
"""Smallest values that are possible."""
_SHARES = {"model": ("dropout",), "loss": ("label_smoothing",)}
"""Settings from 0 to below 1."""


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
    for section, names in _SHARES.items():
        for name in names:
            if not 0 <= config[section][name] < 1:
                raise UserError(
                    f"{section}.{name} is {config[section][name]}; it must be 0 or more and below 1"
                )
    there = len(jax.local_devices())
    if config.engine.devices > there:
        raise UserError(
            f"engine.devices is {config.engine.devices} and there are {there}; 0 takes them all"
        )
