"""The clips as a device holds them: the images of each branch, labels, and first weights."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import linen as nn
from flax import struct
from jaxtyping import Float32

from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.data import inputs
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.models import registry
from ethnicmer_jax.models.branch_weights import BranchWeights
from ethnicmer_jax.models.classifier import EthnicAwareClassifier, FixedFeatures
from ethnicmer_jax.models.shapes import Leaf
from ethnicmer_jax.training import augment, standardised
from ethnicmer_jax.training.pretrained import Start


@struct.dataclass
class Resident:
    """The data of all clips, which live on the device once; n clips.

    Attributes:
      images: branch -> what `EthnicAwareClassifier.prepare` made, [copies·n, ...]: the
        clips as they are, then (where copies = 2) mirrored. FixedFeatures of them where
        the branch's backbone is frozen.
      emotion: int32 [n].
      ethnic: int32 [n], -1 for Unknown.
      stratum: int32 [n], -1 for none.
      database: int32 [n], -1 for one that the job does not know.
      weights: branch -> what every fold starts from instead of at random; of a frozen
        branch, the head only.
    """

    images: dict[str, Any]
    emotion: Leaf
    ethnic: Leaf
    stratum: Leaf
    database: Leaf
    weights: dict[str, BranchWeights] = struct.field(default_factory=dict)


def build(
    config: ml_collections.ConfigDict,
    dataset: Dataset,
    targets: Targets,
    model: EthnicAwareClassifier,
    starts: Mapping[str, Start],
    batch: int,
) -> Resident:
    """Makes what the branches of a classifier see of n clips, in the layout that they want.

    Args:
      config: the whole config.
      dataset: n clips.
      targets: their labels.
      model: the classifier.
      starts: branch -> the weights that it starts from, see `pretrained.read`.
      batch: clips that a frozen backbone sees at a time.
    """
    backbones = {"emotion": model.emotion_backbone, "ethnic": model.ethnic_backbone}
    changed = {*augment.Ranges.of(config).branches, *standardised.branches(config)}
    prepared = {}
    for branch, backbone in backbones.items():
        if backbone is None:
            continue
        which, mirror = config.model[f"{branch}_input"], config.data.mirror
        pixels = inputs.with_copies(branch_images(config, dataset, branch), which, mirror)
        pixels = pixels.reshape(-1, *pixels.shape[2:])
        if branch in changed:
            # By every fold in its own way, or anew in every step: nothing can be prepared.
            prepared[branch] = jnp.asarray(pixels)
        elif branch in starts and starts[branch].frozen:
            prepared[branch] = fixed_features(backbone, starts[branch].weights, pixels, batch)
        else:
            prepared[branch] = _prepare(model, branch)(pixels)
    weights = {
        branch: dataclasses.replace(start.weights, variables={}) if start.frozen else start.weights
        for branch, start in starts.items()
    }
    emotion, ethnic = jnp.asarray(targets.emotion), jnp.asarray(targets.ethnic)
    none = np.full(len(dataset), -1, np.int32)
    stratum = jnp.asarray(none if targets.stratum is None else targets.stratum)
    database = jnp.asarray(none if targets.database is None else targets.database)
    return Resident(prepared, emotion, ethnic, stratum, database, weights)


@functools.lru_cache(maxsize=8)
def _prepare(model: EthnicAwareClassifier, branch: str) -> Callable[[np.ndarray], Any]:
    return jax.jit(functools.partial(model.prepare, branch))


def fixed_features(
    backbone: nn.Module,
    weights: BranchWeights,
    pixels: Float32[np.ndarray, "images size size 3"],
    batch: int,
) -> FixedFeatures:
    """What a backbone in evaluation mode makes of images [n, S, S, 3], `batch` at a time."""
    apply = jax.jit(functools.partial(backbone.apply, train=False))
    # The last block is filled up with the first images, so that one shape is compiled.
    blocks = np.resize(np.arange(len(pixels)), (-(-len(pixels) // batch), batch))
    features = [
        apply(weights.variables, pixels[rows])
        for rows in Progress("features of the frozen backbone", blocks, unit="block")
    ]
    return FixedFeatures(jnp.concatenate(features)[: len(pixels)])


def branch_images(
    config: ml_collections.ConfigDict, dataset: Dataset, branch: str
) -> Float32[np.ndarray, "clips size size 3"]:
    """The images of all clips as "emotion" or "ethnic" sees them, float32 [n, S, S, 3]."""
    size = registry.image_sizes(config.model.to_dict())[branch]
    which = config.model[f"{branch}_input"]
    return inputs.images(dataset, which, config.data.flow_scaling, size)
