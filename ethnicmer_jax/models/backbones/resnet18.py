"""ResNet-18, with torchvision's layout and parameter names.

Reference: He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition,
CVPR 2016, table 1.
"""

from __future__ import annotations

import functools

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Float

from ethnicmer_jax.models import sliding
from ethnicmer_jax.models.backbones.conv_norm import ConvNorm
from ethnicmer_jax.models.backbones.tap import tap
from ethnicmer_jax.models.shapes import Array, FeatureMap, Features, Images, Mode, Weight

_conv_norm = functools.partial(
    ConvNorm, kernel_init=nn.initializers.variance_scaling(2.0, "fan_out", "normal")
)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut.

    Attributes:
      features: number of output channels.
      stride: of the first convolution; the shortcut is a 1×1 convolution unless
        neither size nor channels change.
      dtype: compute precision.
    """

    features: int
    stride: int = 1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: FeatureMap, *, train: bool, weight: Weight = None
    ) -> Float[Array, "batch rows columns {self.features}"]:
        """Maps [batch, H, W, C] to [batch, ceil(H / stride), ceil(W / stride), features]."""
        mode: Mode = {"train": train, "weight": weight}
        conv = functools.partial(_conv_norm, self.features, dtype=self.dtype)
        y = nn.relu(conv(3, self.stride, name="convnorm1")(x, **mode))
        y = conv(3, name="convnorm2")(y, **mode)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = conv(1, self.stride, name="downsample")(x, **mode)
        return nn.relu(x + y)


class ResNet18(nn.Module):
    """Stem, eight basic blocks, global average pooling.

    Attributes:
      widths: channels of the four stages.
      dtype: compute precision; parameters, statistics and features are float32.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Images, *, train: bool, weight: Weight = None) -> Features:
        """Maps [batch, H, W, 3] to float32 [batch, 512]."""
        stem = _conv_norm(self.widths[0], 7, 2, dtype=self.dtype, name="stem")
        x = nn.relu(stem(x, train=train, weight=weight))
        x = sliding.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage, width in enumerate(self.widths, start=1):
            for block, stride in enumerate((1 if stage == 1 else 2, 1)):
                module = BasicBlock(width, stride, self.dtype, name=f"layer{stage}_{block}")
                x = module(x, train=train, weight=weight)
            x = tap(self, x, f"stage{stage}")
        return tap(self, x).astype(jnp.float32).mean((1, 2))
