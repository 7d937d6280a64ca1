"""STSTNet of plain layers: what the block that is written for it is measured against.

It is the same function of the same parameters, on CPUs through `models/sliding.py`.
"""

from __future__ import annotations

import functools
from unittest import mock

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from ethnicmer_jax.models import sliding, torch_default
from ethnicmer_jax.models.backbones import ststnet
from ethnicmer_jax.models.batch_norm import MaskedBatchNorm


class PlainBlock(nn.Module):
    """Convolution, ReLU, BatchNorm and max pooling, one after the other.

    Attributes:
      features: number of output channels.
      dtype: precision of the convolution; the rest is float32.
      padding: of the convolution.
    """

    features: int
    dtype: DTypeLike = jnp.float32
    padding: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, weight: jax.Array | None = None) -> jax.Array:
        """Maps [batch, H, H, C] to float32 [batch, h, h, features] as `ConvReluBnPool` does."""
        conv = sliding.Conv(
            self.features,
            (3, 3),
            padding=self.padding,
            kernel_init=torch_default.kernel,
            bias_init=torch_default.bias(9 * x.shape[-1]),
            dtype=self.dtype,
            name="conv",
        )
        x = MaskedBatchNorm(name="bn")(nn.relu(conv(x)), train=train, weight=weight)
        return sliding.max_pool(x, (3, 3), (3, 3), ((1, 1), (1, 1)))


class PlainSTSTNet(ststnet.STSTNet):
    """STSTNet whose block is a `PlainBlock` and whose images need no preparation."""

    def prepare(self, images: jax.Array) -> jax.Array:
        """Does nothing."""
        return images

    def __call__(self, x: jax.Array, *, train: bool, weight: jax.Array | None = None) -> jax.Array:
        """Maps images as `STSTNet` does."""
        plain = functools.partial(PlainBlock, padding=self.padding)
        with mock.patch.object(ststnet, "ConvReluBnPool", plain):
            return super().__call__(x, train=train, weight=weight)
