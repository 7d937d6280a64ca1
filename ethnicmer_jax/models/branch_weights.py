"""Weights for one branch of a classifier, and how they are put into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from flax import struct, traverse_util

from ethnicmer_jax.base.schema import UserError


@struct.dataclass
class BranchWeights:
    """What a branch may start from; a pytree, so that `jit` takes it as an argument.

    Attributes:
      name: the backbone's.
      variables: "params" and, where the backbone has BatchNorm, "batch_stats".
      head: "kernel" [features, classes] and "bias" [classes], or None without a head.
      fusion: further parameters by their place in the classifier's fusion, which fit there.
    """

    name: str = struct.field(pytree_node=False)
    variables: Mapping[str, Any]
    head: Mapping[str, np.ndarray | jax.Array] | None
    fusion: Mapping[str, Any] = struct.field(default_factory=dict)


def graft(
    variables: Mapping[str, Any], branch: str, weights: BranchWeights
) -> tuple[dict[str, Any], str]:
    """Puts a backbone's weights, and its head if it fits, into a classifier's variables.

    Looks at shapes only, so it also works under `jit` and `vmap`.

    Args:
      variables: of an EthnicAwareClassifier.
      branch: "emotion" or "ethnic".
      weights: of the branch.

    Returns:
      New variables, and one line that says what became of the head.

    Raises:
      UserError: the classifier has no such branch, or another backbone in it.
    """
    module = f"{branch}_backbone"
    if module not in variables["params"]:
        raise UserError(f"this fusion has no {branch} branch to take weights for")
    result = {collection: dict(tree) for collection, tree in variables.items()}
    for collection, tree in weights.variables.items():
        if _shapes(result.get(collection, {}).get(module, {})) != _shapes(tree):
            raise UserError(f"the {branch} branch is not the {weights.name} of the weights")
        result[collection][module] = tree
    return graft_head(result, branch, weights)


def graft_head(
    variables: Mapping[str, Any], branch: str, weights: BranchWeights
) -> tuple[dict[str, Any], str]:
    """The same as `graft` for the fusion alone: the branch's backbone is not looked at."""
    fusion = {**variables["params"]["fusion"], **weights.fusion}
    place = head_place(fusion, branch)
    fits = False
    if weights.head is not None and place in fusion:
        fits = fusion[place]["dense"]["kernel"].shape == weights.head["kernel"].shape
        if fits:
            fusion[place] = {"dense": dict(weights.head)}
    result = {**variables, "params": {**variables["params"], "fusion": fusion}}
    return result, f"{branch} branch: {weights.name} weights, {_head_line(weights, fits)}"


def head_place(fusion: Mapping[str, Any], branch: str) -> str:
    """Where a branch's own head is in a fusion: the final head where it has none of its own."""
    return f"{branch}_head" if f"{branch}_head" in fusion or branch == "ethnic" else "head"


def _shapes(tree: Mapping[str, Any]) -> dict[tuple[str, ...], tuple[int, ...]]:
    return {where: leaf.shape for where, leaf in traverse_util.flatten_dict(dict(tree)).items()}


def _head_line(weights: BranchWeights, fits: bool) -> str:
    if weights.head is None:
        return "head starts at random (none in the file)"
    classes = weights.head["bias"].shape[0]
    if fits:
        return f"head of {classes} classes taken over"
    return f"head starts at random (the file's has {classes} classes and does not fit)"
