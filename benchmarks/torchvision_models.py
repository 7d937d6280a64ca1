"""Models of torchvision, and of timm, which imports it, beside any build of PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

try:
    import torchvision  # noqa: F401
except RuntimeError:
    # Such a torchvision has no operators, and its import fails where it describes their shapes.
    # No model here calls one: their names are enough.
    _names = torch.library.Library("torchvision", "FRAGMENT")
    for _operator in ("nms", "qnms"):
        _names.define(f"{_operator}(Tensor boxes, Tensor scores, float threshold) -> Tensor")

from torchvision.models import resnet, swin_transformer, vgg

TINY_VIT = {"tiny_vit_5m": (64, 128, 160, 320), "tiny_vit_21m": (96, 192, 384, 576)}
"""Name of a TinyViT -> its widths."""

__all__ = ["resnet", "swin_transformer", "tiny_vit", "vgg"]


def tiny_vit(
    size: int,
    widths: Sequence[int] = TINY_VIT["tiny_vit_5m"],
    depths: Sequence[int] = (2, 2, 6, 2),
    classes: int = 1000,
) -> nn.Module:
    """TinyViT of timm with windows for images of that size, as timm's variants have them."""
    # After torchvision: timm imports it.
    from timm.models import tiny_vit

    return tiny_vit.TinyVit(
        num_classes=classes,
        embed_dims=widths,
        depths=depths,
        num_heads=[width // 32 for width in widths],
        window_sizes=[size // part for part in (32, 32, 16, 32)],
    )
