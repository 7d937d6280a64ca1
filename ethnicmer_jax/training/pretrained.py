"""Branches that start from PyTorch weights: what a config asks for, read and checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import jax
import ml_collections

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.models import branch_weights, registry, torch_weights
from ethnicmer_jax.models.branch_weights import BranchWeights
from ethnicmer_jax.models.classifier import EthnicAwareClassifier

_PREFIXES = {"emotion": "", "ethnic": "ethnic_"}


@dataclasses.dataclass(frozen=True)
class Start:
    """Where a branch starts.

    Attributes:
      weights: of its backbone, and of its head where the file has one.
      frozen: whether the backbone stays as it is, and in evaluation mode.
      note: one line on what was taken over, for people.
    """

    weights: BranchWeights
    frozen: bool
    note: str


def read(config: ml_collections.ConfigDict, model: EthnicAwareClassifier) -> dict[str, Start]:
    """Reads the weights that `config.init` names.

    Args:
      config: the whole config.
      model: its classifier.

    Returns:
      "emotion", "ethnic" -> its start; branches that start at random are not in it.

    Raises:
      UserError: a file is missing, damaged or holds another model, there is no such
        branch, or nothing is named that could be frozen.
    """
    return dict(_starts(config, model))


def _starts(
    config: ml_collections.ConfigDict, model: EthnicAwareClassifier
) -> Iterator[tuple[str, Start]]:
    for branch, prefix in _PREFIXES.items():
        path, frozen = config.init[f"{prefix}path"], config.init[f"{prefix}freeze"]
        if frozen and not path:
            # A random backbone would be another one in every fold.
            raise UserError(
                f"init.{prefix}freeze has nothing to freeze: name weights with init.{prefix}path"
            )
        if not path:
            continue
        name, size, options = registry.branch(config.model, branch)
        weights = torch_weights.read(name, path, image_size=size, **options)
        note = f"{_head_note(config, model, branch, weights)}, from {path}"
        yield branch, Start(weights, frozen, f"{note}; backbone frozen" if frozen else note)


def _head_note(
    config: ml_collections.ConfigDict,
    model: EthnicAwareClassifier,
    branch: str,
    weights: BranchWeights,
) -> str:
    inputs = registry.example_inputs(config.model)
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), inputs, train=False))
    return branch_weights.graft(variables, branch, weights)[1]
