"""Backbones, fusions, and the classifier made of them."""

from ethnicmer_jax.models.fusion import EthnicAwareClassifier, Outputs
from ethnicmer_jax.models.registry import (
    BACKBONES,
    FUSIONS,
    backbone,
    build,
    example_inputs,
    image_sizes,
    input_size,
)
from ethnicmer_jax.models.torch_weights import TorchWeights, graft, import_torch, read

__all__ = [
    "BACKBONES",
    "FUSIONS",
    "EthnicAwareClassifier",
    "Outputs",
    "TorchWeights",
    "backbone",
    "build",
    "example_inputs",
    "graft",
    "image_sizes",
    "import_torch",
    "input_size",
    "read",
]
