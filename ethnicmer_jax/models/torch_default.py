"""The initialisation that PyTorch gives its convolutions and linear layers.

The public STSTNet never sets its own, so its scores are scores of these.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Float, Float32, PRNGKeyArray

from ethnicmer_jax.models.shapes import Array

kernel = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
"""Uniform on ±1/sqrt(fan_in): a variance of 1/(3 fan_in)."""


def bias(fan_in: int) -> nn.initializers.Initializer:
    """Uniform on ±1/sqrt(fan_in); a bias's shape does not tell its fan-in."""
    limit = fan_in**-0.5

    def init(
        key: PRNGKeyArray, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
    ) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -limit, limit)

    return init


class Linear(nn.Module):
    """A linear layer in float32, whatever the precision of the features.

    Attributes:
      size: number of outputs.
    """

    size: int

    @nn.compact
    def __call__(self, x: Float[Array, "batch features"]) -> Float32[Array, "batch {self.size}"]:
        """Maps the features to `size` numbers."""
        dense = nn.Dense(self.size, kernel_init=kernel, bias_init=bias(x.shape[-1]), name="dense")
        return dense(x.astype(jnp.float32))
