"""From a config, clips and folds to what the device holds: classifier, data, constants."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import linen as nn
from tqdm import tqdm

from ethnicmer_jax.data import inputs
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.models import registry
from ethnicmer_jax.models.classifier import FixedFeatures
from ethnicmer_jax.models.torch_weights import TorchWeights
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.training import batches, losses, optim
from ethnicmer_jax.training.learner import Constants, Learner, Resident
from ethnicmer_jax.training.pretrained import Start


def learner(config: ml_collections.ConfigDict, targets: Targets) -> Learner:
    """The classifier that a config describes, with its loss and optimizer."""
    model = config.model.to_dict() | {
        "n_emotions": len(targets.emotion_names),
        "n_ethnicities": len(targets.ethnic_names),
    }
    classifier = registry.build(model)
    return Learner(
        classifier,
        losses.LossConfig(
            config.loss.emotion_weight, config.loss.ethnic_weight, config.loss.label_smoothing
        ),
        optim.directions(config.optim.weight_decay, classifier.fusion.paces),
        config.data.mirror,
    )


def resident(
    config: ml_collections.ConfigDict,
    dataset: Dataset,
    targets: Targets,
    learner: Learner,
    starts: Mapping[str, Start],
) -> Resident:
    """The data of all clips in the layout that the branches want, and where these start."""
    backbones = {
        "emotion": learner.model.emotion_backbone,
        "ethnic": learner.model.ethnic_backbone,
    }
    prepared = {}
    for branch, backbone in backbones.items():
        if backbone is None:
            continue
        pixels = branch_images(config, dataset, branch)
        if learner.mirror:
            which = config.model[f"{branch}_input"]
            pixels = np.concatenate([pixels, inputs.mirrored(pixels, which)])
        if branch in starts and starts[branch].frozen:
            weights = starts[branch].weights
            prepared[branch] = fixed_features(backbone, weights, pixels, learner.eval_batch)
        else:
            prepared[branch] = jax.jit(functools.partial(learner.model.prepare, branch))(pixels)
    weights = {
        branch: start.weights.replace(variables={}) if start.frozen else start.weights
        for branch, start in starts.items()
    }
    emotion, ethnic = jnp.asarray(targets.emotion), jnp.asarray(targets.ethnic)
    return Resident(prepared, emotion, ethnic, weights)


def fixed_features(
    backbone: nn.Module, weights: TorchWeights, pixels: np.ndarray, batch: int
) -> FixedFeatures:
    """What a backbone in evaluation mode makes of images [n, S, S, 3], `batch` at a time."""
    apply = jax.jit(functools.partial(backbone.apply, train=False))
    # The last block is filled up with the first images, so that one shape is compiled.
    blocks = np.resize(np.arange(len(pixels)), (-(-len(pixels) // batch), batch))
    features = [
        apply(weights.variables, pixels[rows])
        for rows in tqdm(blocks, desc="features of the frozen backbone", disable=None)
    ]
    return FixedFeatures(jnp.concatenate(features)[: len(pixels)])


def branch_images(config: ml_collections.ConfigDict, dataset: Dataset, branch: str) -> np.ndarray:
    """The images of all clips as "emotion" or "ethnic" sees them, float32 [n, S, S, 3]."""
    size = registry.image_sizes(config.model.to_dict())[branch]
    which = config.model[f"{branch}_input"]
    return inputs.images(dataset, which, config.data.flow_scaling, size)


def constants(
    config: ml_collections.ConfigDict, targets: Targets, folds: FoldTable, eval_batch: int
) -> Constants:
    """What distinguishes the folds, as arrays [f, ...]."""
    room = -(-int(folds.test.sum(1).max()) // eval_batch) * eval_batch
    test = np.zeros((len(folds), room), np.int32)
    for row, mask in enumerate(folds.test):
        test[row, : mask.sum()] = np.flatnonzero(mask)
    identity = np.asarray([batches.identity(folds, row) for row in range(len(folds))])

    def weights(labels: np.ndarray, names: tuple[str, ...], balanced: bool) -> np.ndarray:
        if not balanced:
            return np.ones((len(folds), len(names)), np.float32)
        return batches.balancing_weights(labels, len(names), folds.train)

    return Constants(
        identity.astype(np.uint32),
        weights(targets.emotion, targets.emotion_names, config.loss.class_balanced),
        weights(targets.ethnic, targets.ethnic_names, config.loss.ethnic_balanced),
        test,
        folds.test.sum(1).astype(np.int32),
    )
