"""Batch normalisation that some examples of a batch take no part in.

All folds can then see one and the same batch: a fold's held-out clips get weight 0
and leave no trace in its statistics, not even as NaN.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn


class MaskedBatchNorm(nn.Module):
    """Normalises each channel over batch and space, as PyTorch's BatchNorm does.

    In training the batch is normalised by its own mean and biased variance; the
    running averages move by `momentum` towards its mean and *unbiased* variance.
    With no example of weight 1 the running averages are used and kept.

    Reference: Ioffe and Szegedy, Batch Normalization, ICML 2015, algorithms 1 and 2.

    Attributes:
      momentum: share of the new batch in the running averages (PyTorch's sense).
      epsilon: added to the variance.
      dtype: of the result; statistics are always float32.
      scale_init: initialiser of the scale.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    dtype: jnp.dtype = jnp.float32
    scale_init: nn.initializers.Initializer = nn.initializers.ones_init()

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool, weight: jax.Array | None = None) -> jax.Array:
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
        moments = masked_moments(x, weight) if train else None
        update = train and not self.is_initializing()
        mean, var = normalising_moments(
            (running_mean, running_var), moments, self.momentum, train, update
        )
        normalised = (x - mean) * (jax.lax.rsqrt(var + self.epsilon) * scale) + bias
        return normalised.astype(self.dtype)


def normalising_moments(
    running: tuple[nn.Variable, nn.Variable],
    batch: tuple[jax.Array, jax.Array, jax.Array] | None,
    momentum: float,
    train: bool,
    update: bool,
) -> tuple[jax.Array, jax.Array]:
    """The mean and variance to normalise by; moves the running averages if asked to.

    Args:
      running: variables that hold the running mean and variance, [channels] each.
      batch: mean, biased variance and count of values, as `masked_moments` returns
        them; only read in training.
      momentum: share of the batch in the running averages.
      train: whether to normalise by the batch, if anything in it counts.
      update: whether to move the running averages towards it.

    Returns:
      Mean and variance, float32 [channels] each.
    """
    mean, var = running[0].value, running[1].value
    if not train:
        return mean, var
    batch_mean, batch_var, count = batch
    if update:
        step = jnp.where(count > 0, momentum, 0.0)
        unbiased = batch_var * (count / jnp.maximum(count - 1, 1))
        running[0].value = mean + step * (batch_mean - mean)
        running[1].value = var + step * (unbiased - var)
    return jnp.where(count > 0, batch_mean, mean), jnp.where(count > 0, batch_var, var)


def masked_moments(
    x: jax.Array, weight: jax.Array | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Mean and biased variance of each channel over the examples of weight 1.

    Args:
      x: float32 [batch, ..., channels].
      weight: float [batch] of 0 and 1, or None for all 1.

    Returns:
      mean [channels], variance [channels] (both 0 where nothing counts), and the
      number of values behind each, float32 [].
    """
    axes = tuple(range(x.ndim - 1))
    if weight is None:
        count = jnp.float32(x.size // x.shape[-1])
        mean = x.mean(axes)
        return mean, jnp.square(x - mean).mean(axes), count
    # A product would let NaN and infinity of a masked example through.
    counts = (weight > 0).reshape(-1, *[1] * (x.ndim - 1))
    count = counts.sum(dtype=jnp.float32) * (x.size // x.shape[-1] // x.shape[0])
    divisor = jnp.maximum(count, 1)
    mean = jnp.where(counts, x, 0).sum(axes) / divisor
    variance = jnp.where(counts, jnp.square(x - mean), 0).sum(axes) / divisor
    return mean, variance, count
