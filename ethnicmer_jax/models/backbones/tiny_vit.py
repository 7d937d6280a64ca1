"""TinyViT: convolutions first, then windowed attention; timm's layout and names.

Reference: Wu et al., TinyViT: Fast Pretraining Distillation for Small Vision
Transformers, ECCV 2022, section 3.3 and table 1 of its supplement.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Float

from ethnicmer_jax.models.backbones import windows
from ethnicmer_jax.models.backbones.conv_norm import ConvNorm
from ethnicmer_jax.models.backbones.tap import tap
from ethnicmer_jax.models.shapes import Array, FeatureMap, Features, Images, Mode, Weight

_gelu = functools.partial(nn.gelu, approximate=False)
# PyTorch cuts this normal distribution off at 100 standard deviations: not at all.
_LINEAR = nn.initializers.normal(0.02)


class PatchEmbed(nn.Module):
    """Two strided convolutions: a quarter of the size."""

    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Images, *, train: bool, weight: Weight = None
    ) -> Float[Array, "batch rows columns {self.features}"]:
        """Maps [batch, H, W, 3] to [batch, H/4, W/4, features]."""
        conv = functools.partial(ConvNorm, size=3, stride=2, dtype=self.dtype)
        x = _gelu(conv(self.features // 2, name="conv1")(x, train=train, weight=weight))
        return conv(self.features, name="conv2")(x, train=train, weight=weight)


class MBConv(nn.Module):
    """Inverted bottleneck: widen fourfold, filter each channel, narrow, add."""

    drop_path: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: FeatureMap, *, train: bool, weight: Weight = None) -> FeatureMap:
        """Maps [batch, H, W, C] to the same shape."""
        width = x.shape[-1]
        mode: Mode = {"train": train, "weight": weight}
        conv = functools.partial(ConvNorm, dtype=self.dtype)
        y = _gelu(conv(4 * width, name="conv1")(x, **mode))
        y = _gelu(conv(4 * width, 3, depthwise=True, name="conv2")(y, **mode))
        y = conv(width, scale_init=nn.initializers.zeros_init(), name="conv3")(y, **mode)
        return _gelu(x + stochastic_depth(self.drop_path, train)(y))


class PatchMerging(nn.Module):
    """Halves the size and changes the width."""

    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: FeatureMap, *, train: bool, weight: Weight = None
    ) -> Float[Array, "batch rows columns {self.features}"]:
        """Maps [batch, H, W, C] to [batch, H/2, W/2, features]."""
        mode: Mode = {"train": train, "weight": weight}
        conv = functools.partial(ConvNorm, self.features, dtype=self.dtype)
        x = _gelu(conv(name="conv1")(x, **mode))
        x = _gelu(conv(3, 2, depthwise=True, name="conv2")(x, **mode))
        return conv(name="conv3")(x, **mode)


class Attention(nn.Module):
    """Self-attention of one window's tokens, with a bias for each distance of two tokens."""

    heads: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch windows tokens channels"]
    ) -> Float[Array, "batch windows tokens channels"]:
        """Maps [batch, windows, tokens, C] to the same shape."""
        window = int(np.sqrt(x.shape[2]))
        table = self.param(
            "attention_biases", nn.initializers.zeros_init(), (self.heads, window * window)
        )
        rows, columns = np.abs(windows.offsets(window))
        y = layer_norm(self.dtype)(x)
        y = linear(3 * x.shape[-1], self.dtype, "qkv")(y)
        y = y.reshape(*y.shape[:3], self.heads, -1)
        query, key, value = jnp.split(y, 3, axis=-1)
        mixed = windows.attend(query, key, value, table[:, rows * window + columns])
        return linear(x.shape[-1], self.dtype, "proj")(mixed)


class Mlp(nn.Module):
    """LayerNorm and two layers, fourfold wide in between."""

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: FeatureMap) -> FeatureMap:
        """Maps [..., C] to the same shape."""
        y = linear(4 * x.shape[-1], self.dtype, "fc1")(layer_norm(self.dtype)(x))
        return linear(x.shape[-1], self.dtype, "fc2")(_gelu(y))


class Block(nn.Module):
    """Attention within windows, a depthwise convolution across them, an MLP."""

    heads: int
    window: int
    drop_path: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: FeatureMap, *, train: bool, weight: Weight = None) -> FeatureMap:
        """Maps [batch, H, W, C] to the same shape."""
        height, width, features = x.shape[1:]
        y = windows.partition(x, self.window)
        y = Attention(self.heads, self.dtype, name="attn")(y)
        y = windows.merge(y, self.window, height, width)
        x = x + stochastic_depth(self.drop_path, train)(y)
        local = ConvNorm(features, 3, depthwise=True, dtype=self.dtype, name="local_conv")
        x = local(x, train=train, weight=weight)
        return x + stochastic_depth(self.drop_path, train)(Mlp(self.dtype, name="mlp")(x))


class Stage(nn.Module):
    """Blocks of one size, after halving it unless it is the first stage.

    Attributes:
      features: width; the convolutional first stage keeps that of its input.
      heads: of each attention; 0 for the convolutional first stage.
      window: tokens along one side of a window.
      drop_paths: stochastic depth rate of each block.
      dtype: compute precision.
    """

    features: int
    heads: int
    window: int
    drop_paths: tuple[float, ...]
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: FeatureMap, *, train: bool, weight: Weight = None
    ) -> Float[Array, "batch rows columns {self.features}"]:
        """Maps [batch, H, W, C] to [batch, H/2, W/2, features]."""
        mode: Mode = {"train": train, "weight": weight}
        if self.heads:
            x = PatchMerging(self.features, self.dtype, name="downsample")(x, **mode)
        for index, rate in enumerate(self.drop_paths):
            name = f"blocks_{index}"
            if self.heads:
                x = Block(self.heads, self.window, rate, self.dtype, name=name)(x, **mode)
            else:
                x = MBConv(rate, self.dtype, name=name)(x, **mode)
        return x


class TinyViT(nn.Module):
    """The whole network without its last linear layer.

    The windows follow the image: a 32nd of its size, a 16th in the third stage. That
    is 7, 7, 14, 7 tokens at 224 px, and the published 12 and 24 at 384 px, 16 and 32
    at 512 px; they always divide the feature maps.

    Attributes:
      widths: channels of the four stages; 32 for each head.
      depths: blocks of each.
      drop_path: stochastic depth rate of the last block; rises from 0 block by block.
      dtype: compute precision; parameters, statistics and features are float32.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...] = (2, 2, 6, 2)
    drop_path: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Images, *, train: bool, weight: Weight = None) -> Features:
        """Maps [batch, S, S, 3], S a multiple of 32, to float32 [batch, widths[-1]]."""
        mode: Mode = {"train": train, "weight": weight}
        window = x.shape[1] // 32
        rates = np.split(
            np.linspace(0, self.drop_path, sum(self.depths)), np.cumsum(self.depths)[:-1]
        )
        x = PatchEmbed(self.widths[0], self.dtype, name="patch_embed")(x, **mode)
        for index, (width, drop_paths) in enumerate(zip(self.widths, rates, strict=True)):
            stage = Stage(
                width,
                heads=width // 32 if index else 0,
                window=2 * window if index == 2 else window,
                drop_paths=tuple(drop_paths.tolist()),
                dtype=self.dtype,
                name=f"stages_{index}",
            )
            x = tap(self, stage(x, **mode), f"stage{index + 1}")
        return layer_norm(jnp.float32)(tap(self, x).astype(jnp.float32).mean((1, 2)))


def stochastic_depth(rate: float, train: bool) -> nn.Module:
    """Drops the whole branch of an example, not single values (Huang et al., ECCV 2016)."""
    return nn.Dropout(rate, broadcast_dims=(1, 2, 3), deterministic=not train)


def linear(features: int, dtype: DTypeLike, name: str) -> nn.Module:
    """A linear layer with TinyViT's initialisation."""
    return nn.Dense(features, kernel_init=_LINEAR, dtype=dtype, name=name)


def layer_norm(dtype: DTypeLike) -> Callable[[jax.Array], jax.Array]:
    """LayerNorm as PyTorch computes it, with the variance in two passes."""
    return nn.LayerNorm(epsilon=1e-5, dtype=dtype, use_fast_variance=False, name="norm")


tiny_vit_5m = functools.partial(TinyViT, widths=(64, 128, 160, 320))
tiny_vit_21m = functools.partial(TinyViT, widths=(96, 192, 384, 576))
