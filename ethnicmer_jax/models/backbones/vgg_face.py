"""VGG-Face: VGG-16, known for its weights learnt on 2,622 people's faces.

Reference: Parkhi, Vedaldi and Zisserman, Deep Face Recognition, BMVC 2015, table 3.
"""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Float32

from ethnicmer_jax.models import sliding
from ethnicmer_jax.models.backbones.adaptive_pool import to_grid
from ethnicmer_jax.models.backbones.tap import tap
from ethnicmer_jax.models.shapes import Array, Images, Weight

DEPTHS = (2, 2, 3, 3, 3)
"""Convolutions of each block."""

GRID = 7
"""Width and height of the feature map that the first linear layer reads."""

_HE = nn.initializers.variance_scaling(2.0, "fan_out", "normal")


class VGGFace(nn.Module):
    """Thirteen convolutions and two linear layers, named conv1_1 to fc7.

    The original head, fc8, has 2,622 classes and belongs to the fusion here.

    Attributes:
      widths: channels of the five blocks.
      hidden: width of fc6 and fc7.
      dropout: rate after fc6; the original dropped half. Dropout of the features is
        the classifier's.
      dtype: compute precision; parameters and features are float32.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 512)
    hidden: int = 4096
    dropout: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Images, *, train: bool, weight: Weight = None
    ) -> Float32[Array, "batch {self.hidden}"]:
        """Maps [batch, S, S, 3], S a multiple of 32, to float32 [batch, hidden].

        `weight` is not read: there is no BatchNorm.
        """
        del weight
        for block, (width, depth) in enumerate(zip(self.widths, DEPTHS, strict=True), start=1):
            for index in range(1, depth + 1):
                name = f"conv{block}_{index}"
                conv = sliding.Conv(width, (3, 3), kernel_init=_HE, dtype=self.dtype, name=name)
                x = nn.relu(conv(x))
            x = tap(self, sliding.max_pool(x, (2, 2), (2, 2)), f"stage{block}")
        # PyTorch flattens channels first; its fc6 weights expect that order.
        x = to_grid(tap(self, x), GRID).transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
        x = nn.relu(nn.Dense(self.hidden, kernel_init=_HE, dtype=self.dtype, name="fc6")(x))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.relu(nn.Dense(self.hidden, kernel_init=_HE, dtype=self.dtype, name="fc7")(x))
        return x.astype(jnp.float32)
