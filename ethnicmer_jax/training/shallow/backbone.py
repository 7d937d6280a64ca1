"""Features of a frozen backbone in evaluation mode: the only part here that needs JAX."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import linen as nn

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data import inputs
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.models import BranchWeights, registry
from ethnicmer_jax.training import device_data, devices, pretrained

_BATCH = 16


def features(
    config: ml_collections.ConfigDict, dataset: Dataset, seeds: list[int]
) -> tuple[dict[int, np.ndarray], str]:
    """What the emotion branch's backbone makes of every clip.

    Its weights come from `config.init.path`. Without one they are the random initial
    ones of each seed, which is how much the architecture alone is worth.

    Args:
      config: the whole config.
      dataset: n clips.
      seeds: without repeats.

    Returns:
      seed -> float32 [copies, n, d], and what they are in a few words.

    Raises:
      UserError: there is no such backbone, the weights do not fit it, or make no finite numbers.
    """
    devices.local()
    model = registry.build(config.model)
    backbone, name = model.emotion_backbone, config.model.emotion_backbone
    start = pretrained.read(config, model).get("emotion")
    images = inputs.with_copies(
        device_data.branch_images(config, dataset, "emotion"),
        config.model.emotion_input,
        config.data.mirror,
    )
    if start is not None:
        same = _applied(backbone, start.weights, images)
        if not np.isfinite(same).all():
            raise UserError(f"the features of {config.init.path} are not finite numbers")
        return dict.fromkeys(seeds, same), f"a frozen {name} with weights from {config.init.path}"
    return {
        seed: _applied(backbone, _random(name, backbone, images.shape[2], seed), images)
        for seed in seeds
    }, f"a frozen {name} with RANDOM weights (init.path names none)"


def _random(name: str, backbone: nn.Module, size: int, seed: int) -> BranchWeights:
    init = jax.jit(functools.partial(backbone.init, train=False))
    return BranchWeights(name, init(jax.random.key(seed), jnp.zeros((1, size, size, 3))), None)


def _applied(backbone: nn.Module, weights: BranchWeights, images: np.ndarray) -> np.ndarray:
    copies, n = images.shape[:2]
    flat = images.reshape(-1, *images.shape[2:])
    values = device_data.fixed_features(backbone, weights, flat, _BATCH).values
    return np.asarray(values).reshape(copies, n, -1)
