"""Convolutions and linear layers with a bias, initialised as PyTorch does unless told otherwise."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from ethnicmer_jax.models import sliding, torch_default


def conv(
    inputs: int,
    features: int,
    size: int,
    *,
    name: str,
    stride: int = 1,
    dilation: int = 1,
    padding: int | None = None,
    kernel_init: nn.initializers.Initializer = torch_default.kernel,
    dtype: DTypeLike = jnp.float32,
) -> nn.Module:
    """A square convolution; PyTorch's initial bias depends on the number of inputs.

    Args:
      inputs: number of input channels.
      features: number of output channels.
      size: kernel width and height.
      name: of the module.
      stride: step.
      dilation: distance between the places that the kernel reads.
      padding: zeros on every side; None keeps the image's size at stride 1.
      kernel_init: of the kernel.
      dtype: compute precision.
    """
    return sliding.Conv(
        features,
        (size, size),
        strides=stride,
        padding=dilation * (size // 2) if padding is None else padding,
        kernel_dilation=dilation,
        kernel_init=kernel_init,
        bias_init=torch_default.bias(size * size * inputs),
        dtype=dtype,
        name=name,
    )


def dense(inputs: int, features: int, *, name: str, dtype: DTypeLike = jnp.float32) -> nn.Module:
    """A linear layer."""
    return nn.Dense(
        features,
        kernel_init=torch_default.kernel,
        bias_init=torch_default.bias(inputs),
        dtype=dtype,
        name=name,
    )
