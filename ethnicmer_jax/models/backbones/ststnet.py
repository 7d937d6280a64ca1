"""STSTNet: one shallow layer in three parallel streams, made for 28×28 flow.

Reference: Liong, Gan, See, Khor and Huang, Shallow Triple Stream Three-dimensional
CNN (STSTNet) for Micro-expression Recognition, FG 2019.
"""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from ethnicmer_jax.models.backbones.stst_block import ConvReluBnPool, WindowPatches, window_patches
from ethnicmer_jax.models.backbones.tap import tap
from ethnicmer_jax.models.shapes import Features, Images, Weight

STREAMS = (3, 5, 8)
"""Channels of the paper's three streams."""


class STSTNet(nn.Module):
    """The three streams, computed as one.

    Each stream is convolution, ReLU, BatchNorm and max pooling on the same image,
    and all of them work channel by channel once the convolution is done. One
    convolution to 3 + 5 + 8 channels is therefore the same function with the same
    gradients, not an approximation.

    Attributes:
      dropout: rate between the two poolings, where the public PyTorch code drops
        half; dropout of the flattened features is the classifier's.
      padding: of the convolution. 1 keeps the size; 2 is the public PyTorch code's.
        At 28×28 both give 400 features.
      dtype: compute precision; parameters, statistics and features are float32.
    """

    dropout: float = 0.0
    padding: int = 1
    dtype: DTypeLike = jnp.float32

    def prepare(self, images: Images) -> WindowPatches:
        """Does once for [n, H, H, 3] images what every call on them would do again."""
        return window_patches(images, self.padding)

    @nn.compact
    def __call__(
        self, x: Images | WindowPatches, *, train: bool, weight: Weight = None
    ) -> Features:
        """Maps [batch, H, H, 3], as images or prepared, to float32 [batch, features].

        There are 400 features at 28×28.
        """
        patches = x if isinstance(x, WindowPatches) else self.prepare(x)
        block = ConvReluBnPool(sum(STREAMS), self.dtype, name="block")
        x = tap(self, block(patches, train=train, weight=weight))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        # PyTorch flattens channels first; its `fc` weights expect that order.
        return x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
