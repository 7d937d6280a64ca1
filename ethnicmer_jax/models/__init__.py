"""Backbones, fusions, and the classifier made of them."""

from ethnicmer_jax.models.branch_weights import BranchWeights, graft, graft_head
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
from ethnicmer_jax.models.torch_weights import import_torch, read, state_dict

__all__ = [
    "BACKBONES",
    "FUSIONS",
    "BranchWeights",
    "EthnicAwareClassifier",
    "FixedFeatures",
    "Outputs",
    "backbone",
    "build",
    "example_inputs",
    "graft",
    "graft_head",
    "image_sizes",
    "import_torch",
    "input_size",
    "read",
    "state_dict",
]
