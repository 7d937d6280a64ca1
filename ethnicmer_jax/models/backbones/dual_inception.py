"""Dual-Inception: two streams of two Inception blocks, of horizontal and of vertical flow.

Reference: Zhou, Mao and Xue, Dual-Inception Network for Cross-Database Micro-Expression
Recognition, FG 2019, figure of the network; the authors' code is
github.com/xly135846/MEGC2019, dual_inception.py (Keras). PyTorch names and the order of the
branches are those of github.com/ECNU-Cross-Innovation-Lab/PRICAI2021-Off-TANet,
models/dual_inception.py.
"""

from __future__ import annotations

import functools

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Float, Float32

from ethnicmer_jax.models import sliding
from ethnicmer_jax.models.backbones import biased
from ethnicmer_jax.models.backbones.tap import tap
from ethnicmer_jax.models.shapes import Array, FeatureMap, Images, Weight


class InceptionBlock(nn.Module):
    """Four branches side by side: 5×5, 3×3, pooled and 1×1; then max pooling to half the size.

    Attributes:
      width: channels of each branch.
      relu: whether the 1×1 branch is rectified, as the others are.
      dtype: compute precision.
    """

    width: int
    relu: bool
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: FeatureMap) -> Float[Array, "batch rows columns joined"]:
        """Maps [batch, H, H, C] to [batch, H // 2, H // 2, 4 · width]."""
        narrow = functools.partial(biased.conv, x.shape[-1], self.width, 1, dtype=self.dtype)
        wide = functools.partial(biased.conv, self.width, self.width, dtype=self.dtype)
        pooled = sliding.max_pool(x, (3, 3), (1, 1), ((1, 1), (1, 1)))
        alone = narrow(name="path4")(x)
        branches = [
            nn.relu(wide(5, name="path1_2")(nn.relu(narrow(name="path1_0")(x)))),
            nn.relu(wide(3, name="path2_2")(nn.relu(narrow(name="path2_0")(x)))),
            nn.relu(narrow(name="path3_1")(pooled)),
            nn.relu(alone) if self.relu else alone,
        ]
        return sliding.max_pool(jnp.concatenate(branches, axis=-1), (2, 2), (2, 2))


class DualInception(nn.Module):
    """A stream of u, a stream of v, and a linear layer; optical strain is not read.

    The authors' code reads a grey image of flow three times, as three equal channels; a stream
    has one channel here, which is the same function with fewer weights.

    Attributes:
      widths: channels of each branch in the first and in the second block.
      hidden: width of the linear layer.
      relu: whether the 1×1 branches are rectified, as in the authors' code; the PyTorch code
        named above leaves that out.
      dtype: compute precision; parameters and features are float32.
    """

    widths: tuple[int, ...] = (6, 16)
    hidden: int = 1024
    relu: bool = True
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Images, *, train: bool, weight: Weight = None
    ) -> Float32[Array, "batch {self.hidden}"]:
        """Maps [batch, H, H, 3] to float32 [batch, hidden].

        `train` and `weight` are not read: there is neither dropout nor BatchNorm.
        """
        del train, weight
        streams = []
        for number in range(2):
            stream = x[..., number : number + 1]
            for place, width in enumerate(self.widths):
                block = InceptionBlock(
                    width, self.relu, self.dtype, name=f"icpt{number + 1}_{place}"
                )
                stream = block(stream)
            streams.append(stream)
        x = tap(self, jnp.concatenate(streams, axis=-1))
        # PyTorch flattens channels first; its weights expect that order.
        x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
        x = nn.relu(biased.dense(x.shape[-1], self.hidden, dtype=self.dtype, name="fc")(x))
        return x.astype(jnp.float32)
