"""A convolution and its BatchNorm, the brick of ResNet and TinyViT."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Float

from ethnicmer_jax.models import sliding, torch_default
from ethnicmer_jax.models.batch_norm import MaskedBatchNorm
from ethnicmer_jax.models.shapes import Array, FeatureMap, Weight


class ConvNorm(nn.Module):
    """A convolution without bias, and its BatchNorm.

    Attributes:
      features: number of output channels.
      size: kernel width and height; padded by half of it.
      stride: step of the convolution.
      depthwise: whether each channel is filtered alone.
      kernel_init: of the convolution.
      scale_init: of the BatchNorm.
      dtype: compute precision.
    """

    features: int
    size: int = 1
    stride: int = 1
    depthwise: bool = False
    kernel_init: nn.initializers.Initializer = torch_default.kernel
    scale_init: nn.initializers.Initializer = nn.initializers.ones_init()
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: FeatureMap, *, train: bool, weight: Weight = None
    ) -> Float[Array, "batch rows columns {self.features}"]:
        """Maps [batch, H, W, C] to [batch, ceil(H / stride), ceil(W / stride), features]."""
        x = sliding.Conv(
            self.features,
            (self.size, self.size),
            strides=self.stride,
            padding=self.size // 2,
            feature_group_count=self.features if self.depthwise else 1,
            use_bias=False,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
            name="conv",
        )(x)
        norm = MaskedBatchNorm(dtype=self.dtype, scale_init=self.scale_init, name="bn")
        return norm(x, train=train, weight=weight)
