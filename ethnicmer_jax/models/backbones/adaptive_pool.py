"""PyTorch's adaptive average pooling: any map to a grid of a given size."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ethnicmer_jax.models.shapes import Array, FeatureMap


def to_grid(x: FeatureMap, grid: int) -> Float[Array, "batch {grid} {grid} channels"]:
    """Averages [batch, H, W, C] to [batch, grid, grid, C] over bins that may overlap.

    A map of that size stays as it is.
    """
    if x.shape[1:3] == (grid, grid):
        return x
    rows, columns = (jnp.asarray(_bins(side, grid), x.dtype) for side in x.shape[1:3])
    return jnp.einsum("bhwc,ih,jw->bijc", x, rows, columns)


def _bins(size: int, grid: int) -> Float[np.ndarray, "{grid} {size}"]:
    """[grid, size]: row i averages positions floor(i·size/grid) to ceil((i+1)·size/grid)."""
    index = np.arange(grid)[:, None]
    position = np.arange(size)
    inside = (position >= index * size // grid) & (position < -(-(index + 1) * size // grid))
    return inside / inside.sum(axis=1, keepdims=True)
