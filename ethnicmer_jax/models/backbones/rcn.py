"""RCN: a shallow recurrent convolutional network, in its plain, dense and wide forms.

Reference: Xia, Peng, Khor, Feng and Zhao, Revealing the Invisible with Model and Data Shrinking
for Composite-Database Micro-Expression Recognition, IEEE Transactions on Image Processing 29,
2020, section on the network and its parameter-free modules. Names, sizes and order of layers are
those of the authors' github.com/xiazhaoqiang/ParameterFreeRCNs-MicroExpressionRec, MeNets.py.

The attention of RCN-A, RCN-P, RCN-C and RCN-F reads the weights of the classification layer, which
belongs to the fusion here and not to a backbone: these forms are left out.
"""

from __future__ import annotations

import functools

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Float

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.models import sliding
from ethnicmer_jax.models.backbones import biased
from ethnicmer_jax.models.backbones.adaptive_pool import to_grid
from ethnicmer_jax.models.backbones.tap import tap
from ethnicmer_jax.models.batch_norm import MaskedBatchNorm
from ethnicmer_jax.models.shapes import Array, FeatureMap, Features, Images, Mode, Weight

FORMS = ("plain", "dense", "wide")
"""The recurrent layer alone; RCN-S, its dense shortcuts; RCN-W, its wide expansion."""

_conv = functools.partial(
    biased.conv, kernel_init=nn.initializers.variance_scaling(2.0, "fan_out", "normal")
)


class ConvNormRelu(nn.Module):
    """Convolution with a bias, BatchNorm, ReLU; may be called several times.

    Attributes:
      features: number of output channels.
      size: kernel width and height.
      padding: zeros on every side; -1 keeps the image's size.
      dtype: compute precision.
    """

    features: int
    size: int
    padding: int = -1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: FeatureMap, *, train: bool, weight: Weight = None
    ) -> Float[Array, "batch rows columns {self.features}"]:
        """Maps [batch, H, W, C] to [batch, h, w, features]."""
        padding = None if self.padding < 0 else self.padding
        conv = _conv(
            x.shape[-1], self.features, self.size, padding=padding, dtype=self.dtype, name="conv"
        )
        norm = MaskedBatchNorm(dtype=self.dtype, name="bn")
        return nn.relu(norm(conv(x), train=train, weight=weight))


class WideStem(nn.Module):
    """Three convolutions of stride 3 side by side, which reach 3, 5 and 7 px: RCN-W's.

    Attributes:
      width: channels of all three; half of them are the first one's, a quarter each other's.
      dtype: compute precision.
    """

    width: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: FeatureMap, *, train: bool, weight: Weight = None
    ) -> Float[Array, "batch rows columns {self.width}"]:
        """Maps [batch, H, H, C] to [batch, ceil(H / 3), ceil(H / 3), width]."""
        streams = []
        for reach, share in enumerate((2, 4, 4), start=1):
            conv = _conv(
                x.shape[-1],
                self.width // share,
                3,
                stride=3,
                dilation=reach,
                dtype=self.dtype,
                name=f"conv{reach}",
            )
            norm = MaskedBatchNorm(dtype=self.dtype, name=f"bn{reach}")
            streams.append(norm(nn.relu(conv(x)), train=train, weight=weight))
        return jnp.concatenate(streams, axis=-1)


class RCN(nn.Module):
    """A stem, one recurrent layer, and averages over a grid of places.

    Attributes:
      form: one of FORMS.
      width: channels everywhere, a multiple of 4; 32 in the command of the authors' README.
      grid: width and height of the grid of averages; 5 there.
      dropout: rate after the stem and after the recurrent layer.
      dtype: compute precision; parameters, statistics and features are float32.
    """

    form: str = "dense"
    width: int = 32
    grid: int = 5
    dropout: float = 0.5
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Images, *, train: bool, weight: Weight = None) -> Features:
        """Maps [batch, H, H, 3] to float32 [batch, grid² · width].

        Raises:
          UserError: `form` is none of FORMS, or `width` no multiple of 4.
        """
        if self.form not in FORMS:
            raise UserError(f"rcn has no form {self.form!r}; choose one of {', '.join(FORMS)}")
        if self.width % 4:
            raise UserError(f"rcn's width {self.width} is not a multiple of 4, as 32 is")
        mode: Mode = {"train": train, "weight": weight}
        drop = nn.Dropout(self.dropout, deterministic=not train)
        if self.form == "wide":
            x = WideStem(self.width, self.dtype, name="stem")(x, **mode)
        else:
            x = ConvNormRelu(self.width, 5, 0, self.dtype, name="stem")(x, **mode)
            x = sliding.max_pool(x, (2, 2), (2, 2))
        x = self._recurrent(drop(tap(self, x, "stage1")), mode)
        x = drop(tap(self, sliding.max_pool(x, (2, 2), (2, 2))))
        x = to_grid(x, self.grid)
        # PyTorch flattens channels first; its weights expect that order.
        return x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1).astype(jnp.float32)

    def _recurrent(self, x: FeatureMap, mode: Mode) -> FeatureMap:
        """One convolution again and again, on the sum of what came in and what has come out."""
        dense = self.form == "dense"
        names = ("dbl_conv1", "dbl_conv2") if dense else ("rcls_ffconv", "rcls_rrconv")
        once, again = (
            ConvNormRelu(self.width, size, dtype=self.dtype, name=name)
            for size, name in zip((1, 3), names, strict=True)
        )
        total = x + once(x, **mode)
        if not dense:
            return again(x + again(total, **mode), **mode)
        for _ in range(2):
            total = total + again(total, **mode)
        return again(total, **mode)
