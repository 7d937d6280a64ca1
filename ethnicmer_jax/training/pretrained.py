"""Branches that start from weights: what a config asks for, read and checked.

The weights are PyTorch's, from a file, or those of a network of ours in a work directory.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping

import jax
import ml_collections
import safetensors

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.models import branch_weights, registry, torch_weights
from ethnicmer_jax.models.branch_weights import BranchWeights
from ethnicmer_jax.models.classifier import EthnicAwareClassifier
from ethnicmer_jax.protocols.network_file import Taught
from ethnicmer_jax.training import from_network, saved_network

PREFIXES: Mapping[str, str] = {"emotion": "", "ethnic": "ethnic_"}
"""Branch -> how its settings in `config.init` begin."""


@dataclasses.dataclass(frozen=True)
class Start:
    """Where a branch starts.

    Attributes:
      weights: of its backbone, and of its head where there is one that fits.
      frozen: whether the backbone stays as it is, and in evaluation mode.
      note: one line on what was taken over, for people.
      setting: what names it, such as "init.path=runs/pretrained".
      fingerprint: of the weights.
      taught: whom and what it has learnt from; None for weights of others, which do not say.
    """

    weights: BranchWeights
    frozen: bool
    note: str
    setting: str
    fingerprint: str
    taught: Taught | None = None


def read(
    config: ml_collections.ConfigDict,
    model: EthnicAwareClassifier,
    targets: Targets | None = None,
) -> dict[str, Start]:
    """Reads the weights that `config.init` names.

    Args:
      config: the whole config.
      model: its classifier.
      targets: the classes, which decide whether a network's heads are taken over; without
        them none is.

    Returns:
      "emotion", "ethnic" -> its start; branches that start at random are not in it.

    Raises:
      UserError: a file or network is missing, damaged or of another model, there is no such
        branch, or nothing is named that could be frozen.
    """
    return dict(_starts(config, model, targets))


def _starts(
    config: ml_collections.ConfigDict, model: EthnicAwareClassifier, targets: Targets | None
) -> Iterator[tuple[str, Start]]:
    for branch, prefix in PREFIXES.items():
        path, frozen = config.init[f"{prefix}path"], config.init[f"{prefix}freeze"]
        setting = f"init.{prefix}path"
        if frozen and not path:
            # A random backbone would be another one in every fold.
            raise UserError(
                f"init.{prefix}freeze has nothing to freeze: name weights with {setting}"
            )
        if not path:
            continue
        if saved_network.is_place(path):
            start = _of_network(config, model, targets, branch, path)
        else:
            start = _of_file(config, model, branch, path)
        note = f"{start.note}; backbone frozen" if frozen else start.note
        start = dataclasses.replace(start, frozen=frozen, note=note, setting=f"{setting}={path}")
        yield branch, start


def _of_file(
    config: ml_collections.ConfigDict, model: EthnicAwareClassifier, branch: str, path: str
) -> Start:
    name, size, options = registry.branch(config.model, branch)
    weights = torch_weights.read(name, path, image_size=size, **options)
    line = branch_weights.graft(_shapes(config, model), branch, weights)[1]
    mark = saved_network.torch_fingerprint(weights)
    taught = _teachers(pathlib.Path(path))
    known = "not known" if taught is None else f"known: {len(taught.persons)} subjects"
    note = f"{line}, from {path}; who has taught these weights is {known}"
    return Start(weights, False, note, path, mark, taught)


def _teachers(path: pathlib.Path) -> Taught | None:
    """Who has taught the weights in a file, as `export` writes it; None where it does not say."""
    if path.suffix != ".safetensors":
        return None
    with safetensors.safe_open(path, "numpy") as file:
        about = file.metadata() or {}
    if "taught" not in about:
        return None
    try:
        return Taught.from_json(about["taught"])
    except ValueError as error:
        raise UserError(f"{path}: what it says on who has taught it is damaged: {error}") from error


def _of_network(
    config: ml_collections.ConfigDict,
    model: EthnicAwareClassifier,
    targets: Targets | None,
    branch: str,
    path: str,
) -> Start:
    network = saved_network.find(path)
    shapes = _shapes(config, model)
    variables = from_network.backbone(network, branch, path, config.model, shapes)
    taken = from_network.fusion(network, branch, config, shapes["params"]["fusion"], targets)
    name = registry.branch(config.model, branch).name
    weights = BranchWeights(name, variables, None, taken.entries)
    note = (
        f"{branch} branch: {name} of {network.name} in {network.directory}, fingerprint "
        f"{network.fingerprint}; {taken.note}"
    )
    return Start(weights, False, note, path, network.fingerprint, network.taught)


def _shapes(config: ml_collections.ConfigDict, model: EthnicAwareClassifier) -> Mapping:
    inputs = registry.example_inputs(config.model)
    return jax.eval_shape(lambda: model.init(jax.random.key(0), inputs, train=False))
