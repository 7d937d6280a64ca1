"""Backbones, fusions, and the classifier made of them."""

from ethnicmer_jax.models.classifier import EthnicAwareClassifier, FixedFeatures
from ethnicmer_jax.models.fusion import Outputs
from ethnicmer_jax.models.registry import (
    BACKBONES,
    FUSIONS,
    backbone,
    build,
    example_inputs,
    image_sizes,
    input_size,
)
from ethnicmer_jax.models.torch_weights import TorchWeights, graft, graft_head, import_torch, read

__all__ = [
    "BACKBONES",
    "FUSIONS",
    "EthnicAwareClassifier",
    "FixedFeatures",
    "Outputs",
    "TorchWeights",
    "backbone",
    "build",
    "example_inputs",
    "graft",
    "graft_head",
    "image_sizes",
    "import_torch",
    "input_size",
    "read",
]
