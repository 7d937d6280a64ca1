"""Batch normalisation that some examples of a batch take no part in.

All folds can then see one and the same batch: a fold's held-out clips get weight 0
and leave no trace in its statistics, not even as NaN.
"""

from __future__ import annotations

from typing import NamedTuple

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
        x = x.astype(jnp.float32)
        mean, var = running_mean.value, running_var.value
        if train:
            mean, var = normalising_moments(
                running_mean, running_var, masked_moments(x, weight), self.is_initializing()
            )
        normalised = (x - mean) * (jax.lax.rsqrt(var + EPSILON) * scale) + bias
        return normalised.astype(self.dtype)


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
    axes = tuple(range(x.ndim - 1))
    if weight is None:
        count = jnp.float32(x.size // x.shape[-1])
        mean = x.mean(axes)
        return Moments(mean, jnp.square(x - mean).mean(axes), count)
    # A product would let NaN and infinity of a masked example through.
    counts = (weight > 0).reshape(-1, *[1] * (x.ndim - 1))
    count = counts.sum(dtype=jnp.float32) * (x.size // x.shape[-1] // x.shape[0])
    # XLA turns a quotient into a product or not as the number of devices has it; a product stays.
    share = 1 / jnp.maximum(count, 1)
    mean = jnp.where(counts, x, 0).sum(axes) * share
    variance = jnp.where(counts, jnp.square(x - mean), 0).sum(axes) * share
    return Moments(mean, variance, count)
