"""Between PyTorch weights and Flax variables of a backbone, in both directions."""

from __future__ import annotations

import pathlib
import pickle
from collections.abc import Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from flax import traverse_util

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.models import registry, sound_weights, torch_names
from ethnicmer_jax.models.backbones import windows
from ethnicmer_jax.models.branch_weights import BranchWeights

_WRAPPERS = ("state_dict", "model")
_KERNELS = ("kernel", "to_qkv")
_VECTORS = ("scale", "bias")
"""Of each channel one value, which a PyTorch module of its own may keep as [1, C, 1, 1]."""


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
      UserError: the file is missing, damaged, holds another model, or numbers that no network
        can have (`sound_weights`).
    """
    return read(name, path, image_size=image_size, **options).variables


def read(
    name: str, path: str | pathlib.Path, *, image_size: int = 0, **options: Any
) -> BranchWeights:
    """The same as `import_torch`, with the classification head where there is one."""
    module = registry.backbone(name, image_size=image_size, **options)
    size = image_size or registry.input_size(name)
    state = _load(pathlib.Path(path))
    shapes = jax.eval_shape(
        lambda: module.init(jax.random.key(0), jnp.zeros((1, size, size, 3)), train=False)
    )
    # Parameters before statistics: the first missing name should mean something.
    wanted = traverse_util.flatten_dict({"params": shapes["params"], **shapes})
    sources = {where: list(torch_names.of_variable(name, where[1:])) for where in wanted}
    head_names = torch_names.of_head(name)
    _check_names(name, path, state, sources.values(), head_names.values())
    used = [key for keys in (*sources.values(), head_names.values()) for key in keys]
    sound_weights.check(str(path), {key: state[key] for key in used if key in state})
    found = {}
    for where, keys in sources.items():
        found[where] = _to_flax(np.concatenate([state[key] for key in keys]), where[-1])
        if found[where].shape != wanted[where].shape:
            raise UserError(
                f"{path}: {keys[0]} does not fit {name} at {size} px: it gives shape "
                f"{found[where].shape} instead of {wanted[where].shape}"
            )
    head = _head(path, state, head_names)
    return BranchWeights(name, traverse_util.unflatten_dict(found), head)


def _head(
    path: str | pathlib.Path, state: Mapping[str, np.ndarray], names: Mapping[str, str]
) -> dict[str, np.ndarray] | None:
    """The classification head; None where the file has none."""
    if not all(key in state for key in names.values()):
        return None
    head = {leaf: _to_flax(state[key], leaf) for leaf, key in names.items()}
    kernel, bias = head["kernel"].shape, head["bias"].shape
    if len(kernel) != 2 or bias != kernel[1:]:
        raise UserError(
            f"{path}: {names['kernel']} and {names['bias']} are no head: they give shapes {kernel} "
            f"and {bias} instead of [features, classes] and [classes]"
        )
    return head


def state_dict(weights: BranchWeights) -> dict[str, np.ndarray]:
    """The weights of a branch under their PyTorch names: the inverse of `read`.

    Args:
      weights: of a backbone, and of its head where there is one.

    Returns:
      name -> float32 array, in PyTorch's layout; and int64 "relative_position_index" where
      the PyTorch module asks for it. A PyTorch module with the same layers takes all of it
      with `load_state_dict(..., strict=True)`; its `num_batches_tracked` stays as it is.

    Raises:
      UserError: the backbone has no PyTorch names.
    """
    state: dict[str, np.ndarray] = {}
    for where, value in traverse_util.flatten_dict(dict(weights.variables)).items():
        array = _to_torch(np.asarray(value), where[-1])
        names = torch_names.of_variable(weights.name, where[1:])
        if any(torch_names.is_map(weights.name, key) for key in names):
            array = array.reshape(1, -1, 1, 1)
        ends = np.cumsum(list(names.values()))[:-1]
        state |= dict(zip(names, np.split(array, ends), strict=True))
        if where[-1] == "relative_position_bias_table":
            index = ".".join((*next(iter(names)).split(".")[:-1], "relative_position_index"))
            state[index] = _relative_position_index(len(array))
    if weights.head is not None:
        for leaf, key in torch_names.of_head(weights.name).items():
            state[key] = _to_torch(np.asarray(weights.head[leaf]), leaf)
    return {key: np.ascontiguousarray(array) for key, array in state.items()}


def _load(path: pathlib.Path) -> dict[str, np.ndarray]:
    """All arrays of a file by their PyTorch names."""
    if not path.is_file():
        raise UserError(f"there is no weights file {path}")
    if path.suffix == ".safetensors":
        try:
            return safetensors.numpy.load_file(path)
        except (safetensors.SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
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
    most = path.stat().st_size
    found = {}
    for key, tensor in state.items():
        # A view may repeat one number a billion times.
        if tensor.numel() * tensor.element_size() > most:
            raise UserError(f"{path}: {key} is larger than the file: save `model.state_dict()`")
        try:
            plain = tensor.float() if tensor.is_floating_point() else tensor
            found[str(key).removeprefix("module.")] = plain.numpy()
        except (TypeError, RuntimeError, NotImplementedError) as error:
            raise UserError(f"{path}: {key} is no array of numbers on the CPU") from error
    return found


def _to_flax(array: np.ndarray, leaf: str) -> np.ndarray:
    """PyTorch keeps a kernel's outputs first, Flax last: [O, I, H, W] to [H, W, I, O]."""
    if leaf in _KERNELS:
        array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
    if leaf in _VECTORS and array.ndim == 4:
        array = array.reshape(-1)
    return np.ascontiguousarray(array, np.float32)


def _to_torch(array: np.ndarray, leaf: str) -> np.ndarray:
    """The inverse of `_to_flax`: [H, W, I, O] to [O, I, H, W]."""
    if leaf in _KERNELS:
        array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
    return np.ascontiguousarray(array, np.float32)


def _relative_position_index(rows: int) -> np.ndarray:
    """Which row of Swin's table belongs to each pair of tokens; torchvision stores it.

    Args:
      rows: of the table, (2·window - 1)².

    Returns:
      int64 [window⁴].
    """
    span = round(rows**0.5)
    window = (span + 1) // 2
    down, right = windows.offsets(window) + window - 1
    return (down * span + right).ravel().astype(np.int64)


def _check_names(
    name: str,
    path: str | pathlib.Path,
    state: Mapping[str, Any],
    sources: Collection[list[str]],
    head: Collection[str],
) -> None:
    wanted = [key for keys in sources for key in keys]
    present = {key for key in state if torch_names.is_read(name, key)}
    missing = [key for key in wanted if key not in present]
    unexpected = sorted(present.difference(wanted, head))
    if missing or unexpected:
        first = [
            f"{what} {', '.join(keys[:3])}{' ...' if len(keys) > 3 else ''}"
            for what, keys in (("missing", missing), ("unexpected", unexpected))
            if keys
        ]
        raise UserError(f"{path} does not hold the weights of {name}: {'; '.join(first)}")
