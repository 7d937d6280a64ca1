"""What a backbone's Flax variables are called in PyTorch.

The names are torchvision's for ResNet-18 and Swin-B, timm's for TinyViT, those of public PyTorch
code (named in each module) for the field's own networks, and conv1_1 to fc8 for VGG-Face.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.models.backbones.ststnet import STREAMS

DERIVED = ("num_batches_tracked", "relative_position_index", "attention_bias_idxs")
"""Ends of the names of buffers that follow from the rest, or that nothing reads."""

_LEAVES = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}


@dataclasses.dataclass(frozen=True)
class _Names:
    """How a backbone's Flax names become PyTorch's.

    Attributes:
      head: PyTorch's name of the classification layer.
      rules: regular expressions and replacements for a dotted Flax name. `*` in the
        result stands for 1, 2, 3: the streams that one convolution of ours joins.
      unread: regular expression of PyTorch names that nothing reads; "" for none.
      maps: regular expression of the names of scales and shifts that PyTorch keeps as
        [1, channels, 1, 1]; "" for none.
    """

    head: str
    rules: tuple[tuple[str, str], ...] = ()
    unread: str = ""
    maps: str = ""


_TINY_VIT = _Names("head.fc", ((r"^norm\.", "head.norm."), (r"(stages|blocks)_(\d+)", r"\1.\2")))
_NAMES: Mapping[str, _Names] = {
    "ststnet": _Names("fc", ((r"^block\.(conv|bn)\.", r"\1*."),)),
    "off_apexnet": _Names("dense.6", ((r"^fc1\.", "dense.0."), (r"^fc2\.", "dense.3."))),
    "dual_inception": _Names(
        "dense.2",
        (
            (r"^icpt(\d)_(\d)\.", r"icpt\1.\2."),
            (r"path(\d)_(\d)\.", r"path\1.\2."),
            (r"^fc\.", "dense.0."),
        ),
    ),
    "rcn": _Names(
        "classifier",
        (
            (r"^stem\.conv(\d)\.", r"stream\1.0."),
            (r"^stem\.bn(\d)\.", r"stream\1.2."),
            (r"^stem\.conv\.", "conv1.0."),
            (r"^stem\.bn\.", "conv1.1."),
            (r"^(rcls|dbl)_(\w+)\.conv\.", r"\1.0.\2.0."),
            (r"^(rcls|dbl)_(\w+)\.bn\.", r"\1.0.\2.1."),
        ),
        # The authors' dense block makes a third convolution, and never calls it.
        unread=r"^dbl\.0\.conv3\.",
    ),
    "dual_atme": _Names(
        "fc.4",
        (
            (r"^(Inception\d_\d\.branch.*)_0_conv", r"\1.0"),
            (r"^(Inception\d_\d\.branch.*)_0_bn", r"\1.1"),
            (r"^(Inception\d_\d\.branch.*)_1_conv", r"\1.1"),
            (r"^(Inception\d_\d\.branch.*)_1_bn", r"\1.2"),
            (r"^(Inception\d_\d\.branch.*)_3_conv", r"\1.3"),
            (r"^(Inception\d_\d\.branch.*)_3_bn", r"\1.4"),
            (r"shared_MLP_(\d)", r"shared_MLP.\1"),
            (r"^fc\.", "fc.0."),
            (r"^fc_bn\.", "fc.1."),
        ),
    ),
    "htnet": _Names(
        "mlp_head.2",
        (
            (r"^embed\.", "to_patch_embedding.1."),
            (r"^level(\d)\.", r"layers.\1.0."),
            (r"^merge(\d)\.", r"layers.\1.1.0."),
            (r"^merge(\d)_norm\.", r"layers.\1.1.1."),
            (r"^norm\.", "mlp_head.0."),
            (r"block(\d+)_norm(\d)\.", r"layers.\1.\2.norm."),
            (r"block(\d+)_attention\.to_qkv", r"layers.\1.0.fn.to_qkv.weight"),
            (r"block(\d+)_attention\.to_out\.", r"layers.\1.0.fn.to_out.0."),
            (r"block(\d+)_up\.", r"layers.\1.1.fn.net.0."),
            (r"block(\d+)_down\.", r"layers.\1.1.fn.net.3."),
            (r"(norm|layers\.\d\.1\.1|mlp_head\.0)\.weight$", r"\1.g"),
            (r"(norm|layers\.\d\.1\.1|mlp_head\.0)\.bias$", r"\1.b"),
        ),
        maps=r".*\.[gb]$",
    ),
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


def of_variable(backbone: str, where: tuple[str, ...]) -> dict[str, int]:
    """PyTorch's names of the arrays that, joined along the outputs, are a Flax variable.

    Args:
      backbone: one of `registry.BACKBONES`.
      where: the variable's place in its collection, such as ("block", "conv", "kernel").

    Returns:
      name -> how many outputs the array has; 0 where it has all of them.

    Raises:
      UserError: the backbone has no PyTorch names.
    """
    dotted = ".".join((*where[:-1], _LEAVES.get(where[-1], where[-1])))
    for pattern, replacement in _of(backbone).rules:
        dotted = re.sub(pattern, replacement, dotted)
    if "*" not in dotted:
        return {dotted: 0}
    return {dotted.replace("*", str(i)): width for i, width in enumerate(STREAMS, start=1)}


def of_head(backbone: str) -> dict[str, str]:
    """Of "kernel" and "bias" of the classification layer, PyTorch's names."""
    return {leaf: f"{_of(backbone).head}.{_LEAVES.get(leaf, leaf)}" for leaf in ("kernel", "bias")}


def is_map(backbone: str, name: str) -> bool:
    """Whether PyTorch keeps a scale or shift of that name as [1, channels, 1, 1]."""
    maps = _of(backbone).maps
    return bool(maps and re.match(maps, name))


def is_read(backbone: str, name: str) -> bool:
    """Whether a PyTorch name is one that a network of that kind reads, and cannot derive."""
    unread = _of(backbone).unread
    return not (name.endswith(DERIVED) or (unread and re.match(unread, name)))


def _of(backbone: str) -> _Names:
    if backbone not in _NAMES:
        raise UserError(f"backbone {backbone} has no PyTorch weights")
    return _NAMES[backbone]
