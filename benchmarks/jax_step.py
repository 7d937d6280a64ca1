"""Steps of one network of this project, as `throughput` and `step_vs_torch` time them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ethnicmer_jax.models import registry
from ethnicmer_jax.training import optim
from ethnicmer_jax.training.batches import Constants
from ethnicmer_jax.training.device_data import Resident
from ethnicmer_jax.training.fold import Learner
from ethnicmer_jax.training.losses import LossConfig
from ethnicmer_jax.training.placement import Grid


def epoch(
    config: Mapping[str, Any], grid: Grid, *, clips: int, batch: int, steps: int
) -> Callable[[], float]:
    """Compiles an epoch of all folds in a grid; each call trains one and returns its seconds.

    Args:
      config: of the model, see `registry.build`.
      grid: places for folds; all of them are trained.
      clips: of noise, all of them resident.
      batch: examples a step.
      steps: of the epoch.
    """
    learner = Learner(registry.build(dict(config)), LossConfig(), optim.directions(0.0))
    data = grid.replicate(_resident(learner, config, clips))
    fixed = grid.place(_constants(grid.size))
    state = grid.map(learner.init)(fixed, data)
    shape = (grid.size, steps, batch)
    order = grid.place(
        (
            np.random.default_rng(0).integers(0, clips, shape).astype(np.int32),
            np.ones(shape, np.float32),
            np.full(grid.size, steps, np.int32),
            np.full(grid.size, 1e-3, np.float32),
        )
    )
    compiled = grid.map(learner.epoch, donate_first=True)

    def train() -> float:
        nonlocal state
        start = time.perf_counter()
        state, sums = jax.block_until_ready(compiled(state, fixed, *order, data))
        seconds = time.perf_counter() - start
        if not np.isfinite(grid.collect(sums).losses["loss"]).all():
            raise RuntimeError("the loss is not finite: what was timed is no training")
        return seconds

    train()
    return train


def inference(config: Mapping[str, Any], batch: int) -> Callable[[], float]:
    """What times the class probabilities of one batch of images, see `epoch`."""
    learner = Learner(registry.build(dict(config)), LossConfig(), optim.directions(0.0))
    data = _resident(learner, config, batch)
    constants = jax.tree.map(lambda x: x[0], _constants(1))
    state = jax.jit(learner.init)(constants, data)
    rows = jnp.arange(batch, dtype=jnp.int32)
    compiled = jax.jit(learner.probabilities)

    def predict() -> float:
        start = time.perf_counter()
        jax.block_until_ready(compiled(state, data, rows))
        return time.perf_counter() - start

    predict()
    return predict


def parameters(config: Mapping[str, Any]) -> int:
    """How many the classifier trains."""
    learner = Learner(registry.build(dict(config)), LossConfig(), optim.directions(0.0))
    data = jax.eval_shape(functools.partial(_resident, learner, config, 1))
    constants = jax.tree.map(lambda x: x[0], _constants(1))
    state = jax.eval_shape(learner.init, constants, data)
    return sum(leaf.size for leaf in jax.tree.leaves(state.params))


def _resident(learner: Learner, config: Mapping[str, Any], clips: int) -> Resident:
    rng, size = np.random.default_rng(0), registry.image_sizes(dict(config))["emotion"]
    pixels = jnp.asarray(rng.normal(size=(clips, size, size, 3)), jnp.float32)
    images = {"emotion": jax.jit(functools.partial(learner.model.prepare, "emotion"))(pixels)}
    labels = jnp.asarray(rng.integers(0, 3, clips), jnp.int32)
    return Resident(images, labels, *(jnp.zeros(clips, jnp.int32) for _ in range(3)))


def _constants(folds: int) -> Constants:
    return Constants(
        np.stack([np.arange(folds), np.full(folds, 7)], 1).astype(np.uint32),
        np.ones((folds, 3), np.float32),
        np.zeros((folds, 3), np.float32),
        np.ones((folds, 5), np.float32),
        np.ones((folds, 1), np.float32),
        np.ones((folds, 0), bool),
        np.zeros((folds, 16), np.int32),
        np.ones(folds, np.int32),
    )
