"""Adam, and learning rates that change from epoch to epoch."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax


def directions(
    weight_decay: float, paces: Mapping[str, float] | None = None
) -> optax.GradientTransformation:
    """Adam's update before the learning rate (Kingma and Ba 2015; AdamW when decayed).

    The learning rate is applied by `step`, because it belongs to the epoch, while
    folds of different size differ in the number of steps an epoch has.

    Args:
      weight_decay: decoupled; 0 for none.
      paces: module name -> factor on the learning rate of the parameters below it.
    """
    chain = [optax.scale_by_adam()]
    if weight_decay:
        chain.append(optax.add_decayed_weights(weight_decay))
    for module, pace in (paces or {}).items():
        chain.append(optax.masked(optax.scale(pace), functools.partial(_below, module)))
    return optax.chain(*chain)


def _below(module: str, params: Any) -> Any:
    """Which leaves belong to a module of that name: a tree of bool."""
    return jax.tree.map_with_path(
        lambda path, _: any(getattr(step, "key", None) == module for step in path), params
    )


def step(params: Any, updates: Any, learning_rate: jax.Array) -> Any:
    """Parameters after one step against `updates`."""
    return jax.tree.map(lambda p, u: p - learning_rate * u, params, updates)


def moving_average(average: Any, latest: Any, step: jax.Array, decay: float) -> Any:
    """A moving average of weights, after one more step (Polyak and Juditsky 1992).

    The mean of all weights until they are more than the decay remembers, so that those that
    training starts from are soon forgotten.

    Args:
      average: before the step; any pytree.
      latest: the weights after it.
      step: int32 [], how many steps were taken before.
      decay: in (0, 1); 0 for no average.
    """
    if not decay:
        return None
    share = jnp.maximum(1 / (step + 1), 1 - decay)
    return jax.tree.map(lambda old, new: old + share * (new - old), average, latest)


def learning_rate(config: Mapping[str, Any] | ml_collections.ConfigDict, epoch: int) -> float:
    """The learning rate of an epoch (from 0).

    Args:
      config: learning_rate, schedule, decay (factor an epoch, for "exponential"),
        epochs and warmup_epochs.
      epoch: which.
    """
    base, warmup = config["learning_rate"], config["warmup_epochs"]
    if epoch < warmup:
        return base * (epoch + 1) / (warmup + 1)
    past = epoch - warmup
    if config["schedule"] == "exponential":
        return base * config["decay"] ** past
    if config["schedule"] == "cosine":
        return base / 2 * (1 + math.cos(math.pi * past / max(config["epochs"] - warmup, 1)))
    return base
