"""Cutting a feature map into square windows of tokens, and attending within them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Float, Float32, Int

from ethnicmer_jax.models.shapes import Array, FeatureMap


def partition(
    x: FeatureMap, window: int
) -> Float[Array, "batch windows {window}*{window} channels"]:
    """Cuts [batch, H, W, C] into [batch, windows, window², C]; window divides H and W."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // window, window, width // window, window, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, -1, window * window, channels)


def merge(
    x: Float[Array, "batch windows {window}*{window} channels"],
    window: int,
    height: int,
    width: int,
) -> Float[Array, "batch {height} {width} channels"]:
    """Undoes `partition`: [batch, windows, window², C] to [batch, height, width, C]."""
    batch, channels = x.shape[0], x.shape[-1]
    x = x.reshape(batch, height // window, width // window, window, window, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height, width, channels)


def offsets(window: int) -> Int[np.ndarray, "2 {window}*{window} {window}*{window}"]:
    """Row and column offsets between the tokens of a window.

    Returns:
      int [2, window², window²], the query's position less the key's.
    """
    rows, columns = np.divmod(np.arange(window * window), window)
    return np.stack([rows[:, None] - rows, columns[:, None] - columns])


def attend(
    query: Float[Array, "batch windows tokens heads d"],
    key: Float[Array, "batch windows tokens heads d"],
    value: Float[Array, "batch windows tokens heads d"],
    bias: Float32[Array, "*#places tokens tokens"],
) -> Float[Array, "batch windows tokens heads*d"]:
    """Multi-head scaled dot-product attention with additive scores.

    Reference: Vaswani et al., Attention Is All You Need, NeurIPS 2017, equation 1.

    Args:
      query: [batch, windows, tokens, heads, d].
      key: the same.
      value: the same.
      bias: float32, broadcast to [batch, windows, heads, tokens, tokens].

    Returns:
      [batch, windows, tokens, heads · d] in the precision of `value`.
    """
    scores = jnp.einsum("bwqhd,bwkhd->bwhqk", query, key) * query.shape[-1] ** -0.5
    # Softmax without its quotient, which XLA rounds otherwise on several devices.
    attention = jnp.exp(nn.log_softmax(scores.astype(jnp.float32) + bias)).astype(value.dtype)
    mixed = jnp.einsum("bwhqk,bwkhd->bwqhd", attention, value)
    return mixed.reshape(*mixed.shape[:3], -1)
