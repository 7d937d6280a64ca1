"""A branch's weights under their PyTorch names, as a .safetensors file."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import safetensors.numpy

from ethnicmer_jax.base import files
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.export import about
from ethnicmer_jax.models import registry, torch_weights
from ethnicmer_jax.models.branch_weights import BranchWeights, head_place
from ethnicmer_jax.training import saved_network
from ethnicmer_jax.training.saved_network import SavedNetwork

_OTHER_FEATURES = ("embed", "adversarial")
"""Fusions whose final head reads something else than the emotion branch's features."""


def write(path: pathlib.Path, network: SavedNetwork, branch: str) -> str:
    """Writes backbone and head of a branch, whole or not at all.

    Args:
      path: the file.
      network: a trained one.
      branch: "emotion" or "ethnic".

    Returns:
      One line on what is in it.

    Raises:
      UserError: the network has no such branch.
    """
    weights = of_network(network, branch)
    if weights.head is None:
        head = f"no head: that of fusion {network.config.model.fusion} reads other features"
    else:
        head = f"head of {len(weights.head['bias'])} classes"
    values = {
        **about.networks([network]),
        "branch": branch,
        "backbone": dict(registry.branch(network.config.model, branch)._asdict()),
        "input": about.images(network, branch),
        "outputs": list(network.emotion_names if branch == "emotion" else network.ethnic_names),
        "head": head,
        "taught": network.taught.to_json(),
    }
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
    files.write_bytes(path, safetensors.numpy.save(torch_weights.state_dict(weights), texts))
    return f"{weights.name} of the {branch} branch of {network.name}, {head}"


def of_network(network: SavedNetwork, branch: str) -> BranchWeights:
    """Backbone and head of a branch; the head only if it reads that backbone's features.

    Raises:
      UserError: the network has no such branch.
    """
    variables = saved_network.of_branch(network.variables, branch)
    fusion = network.config.model.fusion
    if not variables:
        raise UserError(f"{network.directory} has no {branch} branch: its fusion is {fusion}")
    heads: Mapping[str, Any] = network.variables["params"]["fusion"]
    place = head_place(heads, branch)
    read = place != "head" or fusion not in _OTHER_FEATURES
    head = heads[place]["dense"] if read and place in heads else None
    return BranchWeights(registry.branch(network.config.model, branch).name, variables, head)
