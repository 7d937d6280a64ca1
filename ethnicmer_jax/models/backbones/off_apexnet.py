"""OFF-ApexNet: two small convolutional streams, of horizontal and of vertical flow.

Reference: Gan, Liong, Yau, Huang and Tan, OFF-ApexNet on Micro-expression Recognition System,
Signal Processing: Image Communication 74, 2019, table of the network's layers. PyTorch names
are those of github.com/ECNU-Cross-Innovation-Lab/PRICAI2021-Off-TANet, models/off_apexnet.py.
"""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Float, Float32

from ethnicmer_jax.models import sliding
from ethnicmer_jax.models.backbones import biased
from ethnicmer_jax.models.backbones.tap import tap
from ethnicmer_jax.models.shapes import Array, FeatureMap, Images, Weight


class FlowStream(nn.Module):
    """Two 5×5 convolutions, each with max pooling to half the size.

    Attributes:
      widths: channels of the convolutions.
      relu: whether they are rectified.
      dtype: compute precision.
    """

    widths: tuple[int, ...]
    relu: bool
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: FeatureMap) -> Float[Array, "batch rows columns last"]:
        """Maps [batch, H, H, C] to [batch, H // 4, H // 4, widths[-1]]."""
        for number, width in enumerate(self.widths, start=1):
            conv = biased.conv(x.shape[-1], width, 5, dtype=self.dtype, name=f"conv{number}")
            x = nn.relu(conv(x)) if self.relu else conv(x)
            x = sliding.max_pool(x, (2, 2), (2, 2))
        return x


class OffApexNet(nn.Module):
    """A stream of u, a stream of v, and two linear layers; optical strain is not read.

    Attributes:
      widths: channels of the convolutions of a stream.
      hidden: width of the linear layers.
      relu: whether convolutions are rectified; the PyTorch code named above leaves that out.
      dropout: rate between the linear layers, as in that code; dropout of the features, which
        it has too, is the classifier's.
      dtype: compute precision; parameters and features are float32.
    """

    widths: tuple[int, ...] = (6, 16)
    hidden: int = 1024
    relu: bool = True
    dropout: float = 0.5
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Images, *, train: bool, weight: Weight = None
    ) -> Float32[Array, "batch {self.hidden}"]:
        """Maps [batch, H, H, 3] to float32 [batch, hidden].

        `weight` is not read: there is no BatchNorm.
        """
        del weight
        streams = [
            FlowStream(self.widths, self.relu, self.dtype, name=f"cnn{number + 1}")(
                x[..., number : number + 1]
            )
            for number in range(2)
        ]
        x = tap(self, jnp.concatenate(streams, axis=-1))
        # PyTorch flattens channels first; its weights expect that order.
        x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
        x = nn.relu(biased.dense(x.shape[-1], self.hidden, dtype=self.dtype, name="fc1")(x))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.relu(biased.dense(self.hidden, self.hidden, dtype=self.dtype, name="fc2")(x))
        return x.astype(jnp.float32)
