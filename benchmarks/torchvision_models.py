"""Models of torchvision, and of timm, which imports it, beside any build of PyTorch."""

from __future__ import annotations

from typing import Any

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

__all__ = ["resnet", "swin_transformer", "timm_model", "vgg"]


def timm_model(name: str, **options: Any) -> nn.Module:
    """A network of timm with fresh weights."""
    import timm

    return timm.create_model(name, **options)
