"""Batch normalisation that some examples of a batch take no part in.

All folds can then see one and the same batch: a fold's held-out clips get weight 0
and leave no trace in its statistics, not even as NaN.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Float, Float32

from ethnicmer_jax.models.shapes import Array, Weight

MOMENTUM = 0.1
"""Share of the new batch in the running averages (PyTorch's sense of the word)."""
EPSILON = 1e-5
"""Added to the variance."""


class Moments(NamedTuple):
    """Mean and biased variance of each channel, and how many values are behind each.

    Attributes:
      mean: float32 [channels], 0 where nothing counts.
      var: float32 [channels], 0 where nothing counts.
      count: float32 [].
    """

    mean: Float32[Array, " channels"]
    var: Float32[Array, " channels"]
    count: Float32[Array, ""]


class MaskedBatchNorm(nn.Module):
    """Normalises each channel over batch and space, as PyTorch's BatchNorm does.

    In training the batch is normalised by its own mean and biased variance; the
    running averages move by MOMENTUM towards its mean and *unbiased* variance.
    With no example of weight 1 the running averages are used and kept.

    Reference: Ioffe and Szegedy, Batch Normalization, ICML 2015, algorithms 1 and 2.

    Attributes:
      dtype: of the result; statistics are always float32.
      scale_init: initialiser of the scale.
    """

    dtype: DTypeLike = jnp.float32
    scale_init: nn.initializers.Initializer = nn.initializers.ones_init()

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch *places channels"], *, train: bool, weight: Weight = None
    ) -> Float[Array, "batch *places channels"]:
        """Normalises x.

        Args:
          x: float [batch, ..., channels].
          train: whether to use, and remember, the statistics of this batch.
          weight: float [batch] of 0 and 1, None for all 1; ignored unless `train`.

        Returns:
          `dtype` array of x's shape.
        """
        channels = x.shape[-1:]
        scale = self.param("scale", self.scale_init, channels, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), channels, jnp.float32)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, channels, jnp.float32)
        running_var = self.variable("batch_stats", "var", jnp.ones, channels, jnp.float32)
        x = jnp.asarray(x, jnp.float32)
        if not train:
            mean, var = running_mean.value, running_var.value
            return _normalised(x, mean, var, scale, bias)[0].astype(self.dtype)
        batch = masked_moments(jax.lax.stop_gradient(x), weight)
        mean, var = normalising_moments(running_mean, running_var, batch, self.is_initializing())
        counts = jnp.ones(x.shape[0]) if weight is None else (weight > 0).astype(jnp.float32)
        shares = counts * (1 / jnp.maximum(batch.count, 1))
        return _normalised_by_itself(x, mean, var, shares, scale, bias).astype(self.dtype)


def _normalised(
    x: jax.Array, mean: jax.Array, var: jax.Array, scale: jax.Array, bias: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The result, and what is divided by the standard deviation."""
    factor = jax.lax.rsqrt(var + EPSILON)
    return (x - mean) * (factor * scale) + bias, factor


@jax.custom_vjp
def _normalised_by_itself(
    x: jax.Array,
    mean: jax.Array,
    var: jax.Array,
    shares: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
) -> jax.Array:
    """`_normalised` where mean and variance are those of x: its gradient passes through them.

    The gradient is written by hand for its two sums over places, see `_channel_sums`.

    Args:
      x: float32 [batch, ..., channels].
      mean: float32 [channels], of the examples that count.
      var: float32 [channels], of the same.
      shares: float32 [batch], what a value of an example has of the mean; 0 if it does not count.
      scale: float32 [channels].
      bias: float32 [channels].
    """
    return _normalised(x, mean, var, scale, bias)[0]


Residuals: TypeAlias = tuple[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array]


def _forward(
    x: jax.Array,
    mean: jax.Array,
    var: jax.Array,
    shares: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
) -> tuple[jax.Array, Residuals]:
    out, factor = _normalised(x, mean, var, scale, bias)
    return out, (x, mean, factor, shares, scale)


def _backward(residuals: Residuals, gradient: jax.Array) -> tuple[jax.Array | None, ...]:
    x, mean, factor, shares, scale = residuals
    standard = (x - mean) * factor
    d_bias, d_scale = _channel_sums(gradient), _channel_sums(gradient * standard)
    shares = shares.reshape(-1, *[1] * (x.ndim - 1))
    d_x = (factor * scale) * (gradient - shares * (d_bias + standard * d_scale))
    return d_x, None, None, None, d_scale, d_bias


_normalised_by_itself.defvjp(_forward, _backward)


def normalising_moments(
    running_mean: nn.Variable, running_var: nn.Variable, batch: Moments, initializing: bool
) -> tuple[Float32[Array, " channels"], Float32[Array, " channels"]]:
    """What a training batch is normalised by; moves the running averages towards it.

    Args:
      running_mean: variable holding float32 [channels].
      running_var: the same.
      batch: the batch's own moments.
      initializing: whether variables are being made, when nothing may move.

    Returns:
      Mean and variance, float32 [channels]; the running ones where nothing counts.
    """
    mean, var = running_mean.value, running_var.value
    if not initializing:
        unbiased = batch.var * (batch.count / jnp.maximum(batch.count - 1, 1))
        step = jnp.where(batch.count > 0, MOMENTUM, 0.0)
        running_mean.value = mean + step * (batch.mean - mean)
        running_var.value = var + step * (unbiased - var)
    counts = batch.count > 0
    return jnp.where(counts, batch.mean, mean), jnp.where(counts, batch.var, var)


def masked_moments(x: Float32[Array, "batch *places channels"], weight: Weight) -> Moments:
    """Moments of each channel over the examples of weight 1.

    Args:
      x: float32 [batch, ..., channels].
      weight: float [batch] of 0 and 1, or None for all 1.
    """
    if weight is None:
        places = x.size // x.shape[-1]
        mean = _channel_sums(x) * (1 / places)
        variance = _channel_sums(jnp.square(x - mean)) * (1 / places)
        return Moments(mean, variance, jnp.float32(places))
    # A product would let NaN and infinity of a masked example through.
    counts = (weight > 0).reshape(-1, *[1] * (x.ndim - 1))
    count = counts.sum(dtype=jnp.float32) * (x.size // x.shape[-1] // x.shape[0])
    # XLA turns a quotient into a product or not as the number of devices has it; a product stays.
    share = 1 / jnp.maximum(count, 1)
    mean = _channel_sums(jnp.where(counts, x, 0)) * share
    variance = _channel_sums(jnp.where(counts, jnp.square(x - mean), 0)) * share
    return Moments(mean, variance, count)


_PLACES = 1024
"""Of an example, whose values are added up in one product; more are added row by row."""


def _channel_sums(
    x: Float32[Array, "batch *places channels"],
) -> Float32[Array, " channels"]:
    """Sums over all axes but the last.

    XLA adds up one channel after the other on CPUs, each time through the whole array: a product
    with ones reads it once. Products of a bounded size keep one order of additions.
    """
    if jax.default_backend() != "cpu" or x.ndim < 3:
        return x.sum(tuple(range(x.ndim - 1)))
    places = math.prod(x.shape[1:-1])
    rows = x.reshape(-1, places if places <= _PLACES else x.shape[-2], x.shape[-1])
    return jnp.einsum("np,npc->nc", jnp.ones(rows.shape[:2], x.dtype), rows).sum(0)
