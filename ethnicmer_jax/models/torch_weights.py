"""From PyTorch weights in a file to Flax variables of a backbone.

The names are torchvision's for ResNet-18 and Swin-B, timm's for TinyViT, those of
the public PyTorch code for STSTNet, and conv1_1 to fc8 for VGG-Face.
"""

from __future__ import annotations

import dataclasses
import pathlib
import pickle
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from flax import struct, traverse_util

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.models import registry

_LEAVES = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
_DERIVED = ("num_batches_tracked", "relative_position_index", "attention_bias_idxs")
_WRAPPERS = ("state_dict", "model")


@dataclasses.dataclass(frozen=True)
class _Names:
    """How a backbone's Flax names become PyTorch's.

    Attributes:
      head: PyTorch's name of the classification layer.
      rules: regular expressions and replacements for a dotted Flax name. `*` in the
        result stands for 1, 2, 3: the streams that one convolution of ours joins.
    """

    head: str
    rules: tuple[tuple[str, str], ...] = ()


_TINY_VIT = _Names("head.fc", ((r"^norm\.", "head.norm."), (r"(stages|blocks)_(\d+)", r"\1.\2")))
_NAMES: Mapping[str, _Names] = {
    "ststnet": _Names("fc", ((r"^block\.(conv|bn)\.", r"\1*."),)),
    "resnet18": _Names(
        "fc",
        (
            (r"^stem\.(conv|bn)", r"\g<1>1"),
            (r"convnorm(\d)\.(conv|bn)", r"\2\1"),
            (r"downsample\.conv", "downsample.0"),
            (r"downsample\.bn", "downsample.1"),
            (r"layer(\d)_(\d)", r"layer\1.\2"),
        ),
    ),
    "tiny_vit_5m": _TINY_VIT,
    "tiny_vit_21m": _TINY_VIT,
    "swin_b": _Names(
        "head", ((r"features_(\d)_(\d+)", r"features.\1.\2"), (r"(features|mlp)_(\d)", r"\1.\2"))
    ),
    "vgg_face": _Names("fc8"),
}


@struct.dataclass
class TorchWeights:
    """What a file holds for a backbone; a pytree, so that `jit` takes it as an argument.

    Attributes:
      name: the backbone's.
      variables: "params" and, where the backbone has BatchNorm, "batch_stats".
      head: "kernel" [features, classes] and "bias" [classes], or None without a head.
    """

    name: str = struct.field(pytree_node=False)
    variables: Mapping[str, Any]
    head: Mapping[str, np.ndarray | jax.Array] | None


def import_torch(
    name: str, path: str | pathlib.Path, *, image_size: int = 0, **options: Any
) -> Mapping[str, Any]:
    """Reads PyTorch weights of a backbone, to be used with `backbone(name).apply`.

    Args:
      name: one of `registry.BACKBONES`.
      path: a .safetensors file, or a .pth, .pt or .bin file (which needs PyTorch;
        only tensors are read from it, never code).
      image_size: px; 0 is the backbone's own. TinyViT's weights belong to a size.
      **options: fields of the backbone's module that differ from its defaults.

    Returns:
      Variables: "params" and, where the backbone has BatchNorm, "batch_stats".

    Raises:
      UserError: the file is missing, damaged, or holds another model.
    """
    return read(name, path, image_size=image_size, **options).variables


def read(
    name: str, path: str | pathlib.Path, *, image_size: int = 0, **options: Any
) -> TorchWeights:
    """The same as `import_torch`, with the classification head where there is one."""
    module = registry.backbone(name, image_size=image_size, **options)
    size = image_size or registry.input_size(name)
    state = _load(pathlib.Path(path))
    shapes = jax.eval_shape(
        lambda: module.init(jax.random.key(0), jnp.zeros((1, size, size, 3)), train=False)
    )
    # Parameters before statistics: the first missing name should mean something.
    wanted = traverse_util.flatten_dict({"params": shapes["params"], **shapes})
    sources = {where: _torch_names(name, where[1:]) for where in wanted}
    head_names = [f"{_NAMES[name].head}.{leaf}" for leaf in ("weight", "bias")]
    _check_names(name, path, state, sources.values(), head_names)
    found = {}
    for where, torch_names in sources.items():
        found[where] = _to_flax(np.concatenate([state[key] for key in torch_names]), where[-1])
        if found[where].shape != wanted[where].shape:
            raise UserError(
                f"{path}: {torch_names[0]} does not fit {name} at {size} px: it gives shape "
                f"{found[where].shape} instead of {wanted[where].shape}"
            )
    head = None
    if all(key in state for key in head_names):
        kernel, bias = (state[key] for key in head_names)
        head = {"kernel": _to_flax(kernel, "kernel"), "bias": _to_flax(bias, "bias")}
    return TorchWeights(name, traverse_util.unflatten_dict(found), head)


def graft(
    variables: Mapping[str, Any], branch: str, weights: TorchWeights
) -> tuple[dict[str, Any], str]:
    """Puts a backbone's weights, and its head if it fits, into a classifier's variables.

    Looks at shapes only, so it also works under `jit` and `vmap`.

    Args:
      variables: of an EthnicAwareClassifier.
      branch: "emotion" or "ethnic".
      weights: what `read` returned.

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
    variables: Mapping[str, Any], branch: str, weights: TorchWeights
) -> tuple[dict[str, Any], str]:
    """The same as `graft` for the head alone: the branch's backbone is not looked at."""
    fusion = dict(variables["params"]["fusion"])
    place = f"{branch}_head" if f"{branch}_head" in fusion or branch == "ethnic" else "head"
    fits = False
    if weights.head is not None and place in fusion:
        fits = fusion[place]["dense"]["kernel"].shape == weights.head["kernel"].shape
        if fits:
            fusion[place] = {"dense": dict(weights.head)}
    result = {**variables, "params": {**variables["params"], "fusion": fusion}}
    return result, f"{branch} branch: {weights.name} weights, {_head_line(weights, fits)}"


def _shapes(tree: Mapping[str, Any]) -> dict[tuple[str, ...], tuple[int, ...]]:
    return {where: leaf.shape for where, leaf in traverse_util.flatten_dict(dict(tree)).items()}


def _head_line(weights: TorchWeights, fits: bool) -> str:
    if weights.head is None:
        return "head starts at random (none in the file)"
    classes = weights.head["bias"].shape[0]
    if fits:
        return f"head of {classes} classes taken over"
    return f"head starts at random (the file's has {classes} classes and does not fit)"


def _load(path: pathlib.Path) -> dict[str, np.ndarray]:
    """All arrays of a file by their PyTorch names."""
    if not path.is_file():
        raise UserError(f"there is no weights file {path}")
    if path.suffix == ".safetensors":
        try:
            return safetensors.numpy.load_file(path)
        except safetensors.SafetensorError as error:
            raise UserError(f"{path} is not a whole safetensors file: {error}") from error
    if path.suffix in (".pth", ".pt", ".bin"):
        return _load_pickled(path)
    raise UserError(f"{path}: weights are read from .safetensors, .pth, .pt or .bin files")


def _load_pickled(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Tensors of a torch.save file; anything but tensors in it is refused."""
    try:
        import torch
    except ImportError as error:
        raise UserError(
            f"{path} needs PyTorch to be read: `pip install torch`, or convert it to .safetensors"
        ) from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "it ends too early"
        raise UserError(f"{path} is not a whole file of PyTorch weights: {reason}") from error
    for wrapper in _WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    if not isinstance(state, Mapping) or not all(map(torch.is_tensor, state.values())):
        raise UserError(f"{path} holds no state dict: save `model.state_dict()`")
    return {key.removeprefix("module."): t.float().numpy() for key, t in state.items()}


def _torch_names(name: str, where: tuple[str, ...]) -> list[str]:
    """The PyTorch names whose arrays, joined, are the Flax variable at `where`."""
    dotted = ".".join((*where[:-1], _LEAVES.get(where[-1], where[-1])))
    if name not in _NAMES:
        raise UserError(f"backbone {name} takes no PyTorch weights: leave init.path empty")
    for pattern, replacement in _NAMES[name].rules:
        dotted = re.sub(pattern, replacement, dotted)
    return [dotted.replace("*", str(stream)) for stream in (1, 2, 3)] if "*" in dotted else [dotted]


def _to_flax(array: np.ndarray, leaf: str) -> np.ndarray:
    """PyTorch keeps a kernel's outputs first, Flax last: [O, I, H, W] to [H, W, I, O]."""
    if leaf == "kernel":
        array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
    return np.ascontiguousarray(array, np.float32)


def _check_names(
    name: str, path: str | pathlib.Path, state: Mapping[str, Any], sources: Any, head: list[str]
) -> None:
    wanted = [key for keys in sources for key in keys]
    present = {key for key in state if not key.endswith(_DERIVED)}
    missing = [key for key in wanted if key not in present]
    unexpected = sorted(present.difference(wanted, head))
    if missing or unexpected:
        first = [
            f"{what} {', '.join(keys[:3])}{' ...' if len(keys) > 3 else ''}"
            for what, keys in (("missing", missing), ("unexpected", unexpected))
            if keys
        ]
        raise UserError(f"{path} does not hold the weights of {name}: {'; '.join(first)}")
