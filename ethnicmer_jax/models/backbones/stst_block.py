"""The hot block of STSTNet: convolution, ReLU, BatchNorm, max pooling."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn

from ethnicmer_jax.models import torch_default
from ethnicmer_jax.models.masked_batch_norm import MaskedBatchNorm


class ConvReluBnPool(nn.Module):
    """3×3 convolution, ReLU, BatchNorm, 3×3 max pooling with stride 3 and padding 1.

    Attributes:
      features: number of output channels.
      padding: zeros around the image before the convolution.
      dtype: compute precision; parameters and statistics are float32.
    """

    features: int
    padding: int = 2
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, weight: jax.Array | None = None) -> jax.Array:
        """Maps [batch, H, W, C] to [batch, h, w, features], h = (H + 2·padding - 3)//3 + 1."""
        fan_in = 9 * x.shape[-1]
        x = nn.Conv(
            self.features,
            (3, 3),
            padding=self.padding,
            dtype=self.dtype,
            kernel_init=torch_default.kernel,
            bias_init=torch_default.bias(fan_in),
            name="conv",
        )(x)
        x = MaskedBatchNorm(dtype=self.dtype, name="bn")(nn.relu(x), train=train, weight=weight)
        return nn.max_pool(x, (3, 3), strides=(3, 3), padding=((1, 1), (1, 1)))
