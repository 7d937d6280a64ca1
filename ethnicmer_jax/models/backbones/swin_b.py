"""Swin-B: attention in windows that shift by half from block to block; torchvision's names.

Reference: Liu et al., Swin Transformer: Hierarchical Vision Transformer using
Shifted Windows, ICCV 2021, section 3.
"""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Float, Float32

from ethnicmer_jax.models import sliding, torch_default
from ethnicmer_jax.models.backbones import windows
from ethnicmer_jax.models.backbones.tap import tap
from ethnicmer_jax.models.shapes import Array, FeatureMap, Features, Images, Weight

# PyTorch cuts this normal distribution off at 100 standard deviations: not at all.
_linear = functools.partial(nn.Dense, kernel_init=nn.initializers.normal(0.02))
_layer_norm = functools.partial(nn.LayerNorm, epsilon=1e-5, use_fast_variance=False)

_SEPARATE = -100.0
"""Score between tokens that only the cyclic shift brought together."""


class ShiftedWindowAttention(nn.Module):
    """Self-attention within windows of a map that was rolled by `shift` first.

    Attributes:
      heads: number of attention heads.
      window: tokens along one side; the map is padded with zeros to a multiple.
      shift: 0 or half a window; 0 is used where one window covers the map.
      dtype: compute precision.
    """

    heads: int
    window: int
    shift: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: FeatureMap) -> FeatureMap:
        """Maps [batch, H, W, C] to the same shape."""
        height, width, features = x.shape[1:]
        below, right = -height % self.window, -width % self.window
        x = jnp.pad(x, ((0, 0), (0, below), (0, right), (0, 0)))
        padded = x.shape[1:3]
        down, across = (self.shift if side > self.window else 0 for side in padded)
        x = jnp.roll(x, (-down, -across), axis=(1, 2))
        x = self._attend(
            windows.partition(x, self.window), region_bias(padded, self.window, (down, across))
        )
        x = windows.merge(_linear(features, dtype=self.dtype, name="proj")(x), self.window, *padded)
        return jnp.roll(x, (down, across), axis=(1, 2))[:, :height, :width]

    def _attend(
        self,
        x: Float[Array, "batch windows tokens channels"],
        regions: Float32[np.ndarray, "windows 1 tokens tokens"],
    ) -> Float[Array, "batch windows tokens channels"]:
        y = _linear(3 * x.shape[-1], dtype=self.dtype, name="qkv")(x)
        y = y.reshape(*y.shape[:3], 3, self.heads, -1)
        span = 2 * self.window - 1
        table = self.param(
            "relative_position_bias_table", nn.initializers.normal(0.02), (span**2, self.heads)
        )
        rows, columns = windows.offsets(self.window) + self.window - 1
        bias = table[rows * span + columns].transpose(2, 0, 1)
        return windows.attend(y[..., 0, :, :], y[..., 1, :, :], y[..., 2, :, :], bias + regions)


class Block(nn.Module):
    """Attention and MLP, each behind a LayerNorm and beside a shortcut."""

    heads: int
    window: int
    shift: int
    drop_path: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: FeatureMap, *, train: bool) -> FeatureMap:
        """Maps [batch, H, W, C] to the same shape."""
        drop = functools.partial(
            nn.Dropout, self.drop_path, broadcast_dims=(1, 2, 3), deterministic=not train
        )
        attention = ShiftedWindowAttention(
            self.heads, self.window, self.shift, self.dtype, name="attn"
        )
        x = x + drop()(attention(_layer_norm(dtype=self.dtype, name="norm1")(x)))
        y = _layer_norm(dtype=self.dtype, name="norm2")(x)
        y = nn.gelu(_linear(4 * x.shape[-1], dtype=self.dtype, name="mlp_0")(y), approximate=False)
        return x + drop()(_linear(x.shape[-1], dtype=self.dtype, name="mlp_3")(y))


class PatchMerging(nn.Module):
    """Each 2×2 square of tokens becomes one, of twice the width."""

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: FeatureMap) -> Float[Array, "batch height//2 width//2 2*channels"]:
        """Maps [batch, H, W, C], H and W even, to [batch, H/2, W/2, 2C]."""
        top, bottom = x[:, 0::2], x[:, 1::2]
        corners = [top[:, :, 0::2], bottom[:, :, 0::2], top[:, :, 1::2], bottom[:, :, 1::2]]
        y = _layer_norm(dtype=self.dtype, name="norm")(jnp.concatenate(corners, axis=-1))
        return _linear(2 * x.shape[-1], use_bias=False, dtype=self.dtype, name="reduction")(y)


class Swin(nn.Module):
    """The whole network without its last linear layer; the defaults are Swin-B's.

    Attributes:
      width: channels of the first stage, doubled by each next one.
      depths: blocks of each stage.
      heads: of each stage.
      window: tokens along one side of a window.
      drop_path: stochastic depth rate of the last block; rises from 0 block by block.
      dtype: compute precision; parameters and features are float32.
    """

    width: int = 128
    depths: tuple[int, ...] = (2, 2, 18, 2)
    heads: tuple[int, ...] = (4, 8, 16, 32)
    window: int = 7
    drop_path: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Images, *, train: bool, weight: Weight = None) -> Features:
        """Maps [batch, S, S, 3], S a multiple of 32, to float32 [batch, 8·width].

        `weight` is not read: LayerNorm never mixes examples.
        """
        del weight
        x = self._embed(x)
        rates = iter(np.linspace(0, self.drop_path, sum(self.depths)).tolist())
        for stage, (depth, heads) in enumerate(zip(self.depths, self.heads, strict=True)):
            if stage:
                x = PatchMerging(self.dtype, name=f"features_{2 * stage}")(x)
            for index in range(depth):
                shift = self.window // 2 if index % 2 else 0
                name = f"features_{2 * stage + 1}_{index}"
                block = Block(heads, self.window, shift, next(rates), self.dtype, name=name)
                x = block(x, train=train)
            x = tap(self, x, f"stage{stage + 1}")
        return tap(self, _layer_norm(name="norm")(x.astype(jnp.float32))).mean((1, 2))

    def _embed(self, x: Images) -> Float[Array, "batch height//4 width//4 {self.width}"]:
        embed = sliding.Conv(
            self.width,
            (4, 4),
            strides=4,
            padding=0,
            kernel_init=torch_default.kernel,
            bias_init=torch_default.bias(16 * x.shape[-1]),
            dtype=self.dtype,
            name="features_0_0",
        )
        return _layer_norm(dtype=self.dtype, name="features_0_2")(embed(x))


def region_bias(
    size: tuple[int, int], window: int, shifts: tuple[int, int]
) -> Float32[np.ndarray, "windows 1 tokens tokens"]:
    """Keeps tokens apart that were not neighbours before the cyclic shift.

    Args:
      size: of the padded map, multiples of `window`.
      window: tokens along one side of a window.
      shifts: by how much rows and columns were rolled.

    Returns:
      float32 [windows, 1, window², window²], 0 within a region and -100 between two.
    """
    sides = []
    for length, shift in zip(size, shifts, strict=True):
        region = np.zeros(length, np.int32)
        if shift:
            region[-window:-shift] = 1
            region[-shift:] = 2
        sides.append(region)
    regions = (3 * sides[0][:, None] + sides[1]).reshape(
        size[0] // window, window, size[1] // window, window
    )
    tokens = regions.transpose(0, 2, 1, 3).reshape(-1, 1, window * window)
    return np.where(tokens[..., None] == tokens[..., None, :], 0, _SEPARATE).astype(np.float32)
