"""The hot block of STSTNet: convolution, ReLU, BatchNorm, max pooling, in one pass.

Nearly all of the training time is spent here, and XLA's own lowering on CPUs is slow
in three places: small convolutions inside loops, their vmap (grouped convolutions),
and the backward pass of max pooling. The block is therefore computed as

* patches: what the convolution sees is laid out once, before training, in the order
  of the pooling windows (`window_patches`), so that a batch is a gather, the
  convolution one matrix product and the pooling an elementwise maximum of 9 slices;
* pooling before normalising: BatchNorm is a monotonic map of each channel, so it
  commutes with the maximum (with the minimum where its scale is negative), and only
  a ninth of the values has to be normalised;
* a backward pass written by hand, which recomputes the activations from the patches
  instead of keeping them: memory traffic, not arithmetic, is the limit.

None of this is an approximation: tests compare it with the plain layers.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import struct
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Float32

from ethnicmer_jax.models import torch_default
from ethnicmer_jax.models.batch_norm import EPSILON, Moments, normalising_moments
from ethnicmer_jax.models.shapes import Array, FeatureMap, Weight

WINDOW = 3
"""Width and stride of the pooling; also the width of the convolution."""
SLICES = WINDOW * WINDOW


@struct.dataclass
class WindowPatches:
    """What the convolution sees, laid out pooling window by pooling window.

    Attributes:
      values: float [n, 9, grid², 9·C + 1]. Axis 1 is the place within a window, axis 2
        the window. The last column is 1 within the convolution's output (it carries the
        bias) and 0 in the pooling's own padding, where the whole row is 0.
      pooled: windows along a side that the pooling reaches: `grid`, or one less where a
        last row of pixels only counts in BatchNorm's statistics.
    """

    values: Any
    pooled: int = struct.field(pytree_node=False)


def window_patches(images: FeatureMap, padding: int = 1) -> WindowPatches:
    """Lays out float [n, H, H, C] images, with `padding` zeros around each.

    Raises:
      ValueError: the images are not square.
    """
    n, height, width, channels = images.shape
    if height != width:
        raise ValueError(f"images must be square, got {height}×{width}")
    side = height + 2 * padding - WINDOW + 1
    grid = -(-(side + 1) // WINDOW)
    span = grid * WINDOW
    after = span + 1 - padding - height
    padded = jnp.pad(images, ((0, 0), (padding + 1, after), (padding + 1, after), (0, 0)))
    taps = [padded[:, i : i + span, j : j + span] for i in range(WINDOW) for j in range(WINDOW)]
    place = jnp.arange(span)
    inside = (place >= 1) & (place <= side)
    valid = (inside[:, None] & inside).astype(images.dtype)[None, :, :, None]
    bias_column = jnp.broadcast_to(valid, (n, span, span, 1))
    values = jnp.concatenate([*(tap * valid for tap in taps), bias_column], axis=-1)
    values = values.reshape(n, grid, WINDOW, grid, WINDOW, SLICES * channels + 1)
    values = values.transpose(0, 2, 4, 1, 3, 5).reshape(n, SLICES, grid * grid, -1)
    return WindowPatches(values, (side - 1) // WINDOW + 1)


class ConvReluBnPool(nn.Module):
    """3×3 convolution, ReLU, BatchNorm, 3×3 max pooling with stride 3 and padding 1.

    Attributes:
      features: number of output channels.
      dtype: precision of the convolution; the rest is float32.
    """

    features: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, patches: WindowPatches, *, train: bool, weight: Weight = None
    ) -> Float32[Array, "batch rows columns {self.features}"]:
        """Maps the patches of [batch, H, H, C] to float32 [batch, h, h, features].

        Args:
          patches: what `window_patches` makes of the images.
          train: as in `MaskedBatchNorm`.
          weight: as in `MaskedBatchNorm`.

        Returns:
          h = (H + 2·padding - 3)//3 + 1.
        """
        values = patches.values.astype(self.dtype)
        batch, _, windows, columns = values.shape
        shape = (WINDOW, WINDOW, (columns - 1) // SLICES, self.features)
        kernel, bias = _Conv(shape, name="conv")()
        kernel = jnp.concatenate([kernel.reshape(-1, self.features), bias[None]])
        weight = jnp.ones(batch) if weight is None else weight
        normalised = _PooledBatchNorm(name="bn")(values, kernel, train=train, weight=weight)
        grid = math.isqrt(windows)
        normalised = normalised.reshape(batch, grid, grid, self.features)
        return normalised[:, : patches.pooled, : patches.pooled]


class _Conv(nn.Module):
    """Holds the parameters of the convolution under the names of `nn.Conv`."""

    shape: tuple[int, int, int, int]

    @nn.compact
    def __call__(self) -> tuple[ArrayLike, ArrayLike]:
        fan_in = self.shape[0] * self.shape[1] * self.shape[2]
        kernel = self.param("kernel", torch_default.kernel, self.shape, jnp.float32)
        bias = self.param("bias", torch_default.bias(fan_in), self.shape[-1:], jnp.float32)
        return kernel, bias


class _PooledBatchNorm(nn.Module):
    """BatchNorm of the activations, applied to their pooled values only.

    Parameters, statistics and constants are those of `MaskedBatchNorm`.
    """

    @nn.compact
    def __call__(
        self, patches: jax.Array, kernel: jax.Array, *, train: bool, weight: jax.Array
    ) -> jax.Array:
        channels = kernel.shape[-1:]
        scale = self.param("scale", nn.initializers.ones_init(), channels, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), channels, jnp.float32)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, channels, jnp.float32)
        running_var = self.variable("batch_stats", "var", jnp.ones, channels, jnp.float32)
        sign = jnp.where(scale < 0, -1.0, 1.0)
        pooled, moments = _pool_and_moments(patches, kernel, sign, weight)
        mean, var = running_mean.value, running_var.value
        if train:
            mean, var = normalising_moments(
                running_mean, running_var, moments, self.is_initializing()
            )
        return _scaled(pooled, mean, jax.lax.rsqrt(var + EPSILON) * scale, bias)


@jax.custom_vjp
def _scaled(values: jax.Array, mean: ArrayLike, factor: ArrayLike, bias: ArrayLike) -> jax.Array:
    """(values - mean) · factor + bias of [batch, windows, features], with two sums in its gradient.

    XLA takes three, and longer for each: as products with ones they take a third of the time.
    """
    return (values - mean) * factor + bias


def _scaled_forward(values, mean, factor, bias):
    return _scaled(values, mean, factor, bias), (values, mean, factor)


def _scaled_backward(residuals, gradient):
    values, mean, factor = residuals
    ones = jnp.ones((len(gradient), 1, gradient.shape[1]))
    d_bias = (ones @ gradient).sum((0, 1))
    d_factor = (ones @ (gradient * (values - mean))).sum((0, 1))
    return gradient * factor, -factor * d_bias, d_factor, d_bias


_scaled.defvjp(_scaled_forward, _scaled_backward)


def _products(patches: jax.Array, kernel: jax.Array) -> jax.Array:
    """The convolution, float32 [batch, 9, windows, features]; 0 in the padding."""
    product = jnp.dot(
        patches.reshape(-1, patches.shape[-1]),
        kernel.astype(patches.dtype),
        preferred_element_type=jnp.float32,
    )
    return product.reshape(*patches.shape[:3], -1)


def _pool(products: jax.Array, patches: jax.Array, sign: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Largest ReLU of each window where `sign` is 1, smallest where it is -1; and whose it is.

    ReLU is monotonic and is applied to what was chosen. Written out as 9 slices because XLA's
    reductions over a short axis are not vectorised, and with comparisons because its maximum,
    which lets NaN through from either side, takes longer.

    The quotient and the square root are exact, and there because XLA keeps what is expensive: all
    that is cheap it computes anew for every reader, which in the backward pass was the whole chain
    of comparisons for each of the 9 places.

    Returns:
      float32 [batch, windows, features], what was chosen and its place from 0 to 8; of equal
      values the first is chosen.
    """
    outside = jnp.where(patches[:1, ..., -1:] > 0, 0.0, -jnp.inf).astype(jnp.float32)
    slices = [products[:, k] * sign + outside[:, k] for k in range(SLICES)]
    best, winner = slices[0], jnp.zeros(slices[0].shape, jnp.float32)
    for k, values in enumerate(slices[1:], start=1):
        larger = values > best
        winner = jnp.where(larger, jnp.float32(k * k), winner)
        best = jnp.where(larger, values, best)
    return _relu(best / sign), jnp.sqrt(winner)


def _relu(x: jax.Array) -> jax.Array:
    return jnp.where(x < 0, 0, x)


@jax.custom_vjp
def _pool_and_moments(
    patches: jax.Array, kernel: jax.Array, sign: jax.Array, weight: jax.Array
) -> tuple[jax.Array, Moments]:
    """Pooled activations, and the moments of the unpooled ones.

    Args:
      patches: [batch, 9, windows, 9·C + 1].
      kernel: float32 [9·C + 1, features], the bias in its last row.
      sign: float32 [features] of 1 and -1.
      weight: float32 [batch] of 0 and 1.

    Returns:
      float32 [batch, windows, features], and `Moments` over the examples of weight 1.
    """
    return _forward(patches, kernel, sign, weight)[0]


def _forward(patches, kernel, sign, weight):
    products = _products(patches, kernel)
    pooled, winner = _pool(products, patches, sign)
    counted = (weight > 0)[:, None]
    count = counted.sum(dtype=jnp.float32) * (patches[0, ..., -1] > 0).sum(dtype=jnp.float32)
    # A product, because XLA turns quotients into products or not as the number of devices has it.
    share = 1 / jnp.maximum(count, 1)
    activations = [_relu(products[:, k]) for k in range(SLICES)]
    totals = [
        jnp.where(counted, functools.reduce(jnp.add, values).sum(1), 0).sum(0)
        for values in (activations, map(jnp.square, activations))
    ]
    mean, square = totals[0] * share, totals[1] * share
    moments = Moments(mean, jnp.maximum(square - jnp.square(mean), 0), count)
    return (pooled, moments), (patches, products, winner, weight, mean, share)


def _backward(residuals, cotangents):
    patches, products, winner, weight, mean, share = residuals
    d_pooled, d_moments = cotangents
    counted = (weight > 0).astype(jnp.float32)[:, None, None, None]
    slope = 2 * d_moments.var * share
    offset = d_moments.mean * share - slope * mean
    place = jnp.arange(SLICES, dtype=winner.dtype)[:, None, None]
    gradient = jnp.where(winner[:, None] == place, d_pooled[:, None], 0)
    gradient += counted * offset + (counted * slope) * products
    d_products = jnp.where(products > 0, gradient, 0).astype(patches.dtype)
    batch, features, columns = products.shape[0], products.shape[-1], patches.shape[-1]
    # Example by example: XLA shares one long product among the threads of the process, in an order
    # of their number. In this order of the factors it takes two thirds of the time.
    by_example = jnp.einsum(
        "bpf,bpc->bfc",
        d_products.reshape(batch, -1, features),
        patches.reshape(batch, -1, columns),
        preferred_element_type=jnp.float32,
    )
    d_kernel = by_example.sum(0).T
    return None, d_kernel, None, None


_pool_and_moments.defvjp(_forward, _backward)
