"""Augmentation of flow in training: the face turned, moved and zoomed, motion scaled, hidden.

Flow is a field of vectors: where the face turns, so do they, and where it grows, they grow as
much. Strain is a magnitude of the field's derivatives and is the same under both; a factor on all
motion is a factor on strain, too. All draws come from the key of a step of a fold.
"""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
import ml_collections
from jaxtyping import Float, Key

from ethnicmer_jax.models.shapes import Array, Images


@dataclasses.dataclass(frozen=True)
class Ranges:
    """How far training examples are changed at random; 0 is not at all.

    Attributes:
      rotation: degrees either way.
      translation: shares of the image's side either way.
      zoom: the face is up to 1 + zoom times as large, or as small, evenly in the logarithm.
      amplitude: motion is up to 1 + amplitude times as strong, or as weak, likewise.
      noise: standard deviation of Gaussian noise on every pixel and channel.
      region: side of the largest square without motion, in shares of the image's side.
      branches: those that see flow; none where nothing is changed.
    """

    rotation: float = 0.0
    translation: float = 0.0
    zoom: float = 0.0
    amplitude: float = 0.0
    noise: float = 0.0
    region: float = 0.0
    branches: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: ml_collections.ConfigDict) -> Ranges:
        """The ranges of a config."""
        ranges = config.augment.to_dict()
        seen = [b for b in ("emotion", "ethnic") if config.model[f"{b}_input"] == "flow"]
        return cls(**ranges, branches=tuple(seen)) if any(ranges.values()) else cls()


NONE = Ranges()


def augmented(key: Key[Array, ""], flow: Images, ranges: Ranges) -> Images:
    """Examples that are changed at random, each in its own way.

    Args:
      key: of the step.
      flow: float32 [batch, S, S, 3] of u, v and strain, mirrored or not.
      ranges: how far.
    """
    keys, batch = jax.random.split(key, 6), flow.shape[:1]

    def within(number: int, low: float, high: float, shape: tuple[int, ...] = batch) -> jax.Array:
        return jax.random.uniform(keys[number], shape, minval=low, maxval=high)

    if ranges.rotation or ranges.translation or ranges.zoom:
        turn, stretch = math.radians(ranges.rotation), math.log1p(ranges.zoom)
        most = ranges.translation * flow.shape[1]
        angle, zoom = within(0, -turn, turn), jnp.exp(within(1, -stretch, stretch))
        flow = moved(flow, angle, zoom, within(2, -most, most, (*batch, 2)))
    if ranges.amplitude:
        stretch = math.log1p(ranges.amplitude)
        flow = flow * jnp.exp(within(3, -stretch, stretch))[:, None, None, None]
    if ranges.noise:
        flow = flow + ranges.noise * jax.random.normal(keys[4], flow.shape)
    if ranges.region:
        draws = jax.random.uniform(keys[5], (*batch, 3))
        side = ranges.region * flow.shape[1] * draws[:, 0]
        flow = hidden(flow, draws[:, 1:] * (flow.shape[1] - side[:, None]), side)
    return flow


def moved(
    flow: Images,
    angle: Float[Array, " batch"],
    zoom: Float[Array, " batch"],
    shift: Float[Array, "batch 2"],
) -> Images:
    """Flow of faces that are turned and zoomed about the centre, then shifted.

    Between pixels flow is interpolated linearly; beyond the rim it is that of the rim.

    Args:
      flow: float32 [batch, H, W, 3]; u to the right, v down.
      angle: radians, from right to down.
      zoom: factors.
      shift: px to the right and down.
    """
    height, width = flow.shape[1:3]
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    across = jnp.arange(width) - (width - 1) / 2 - shift[:, :1]
    down = jnp.arange(height) - (height - 1) / 2 - shift[:, 1:]
    # Where each pixel was before: back by the angle, and by one over the zoom.
    back_c, back_s = (cosine / zoom)[:, None, None], (sine / zoom)[:, None, None]
    x = back_c * across[:, None, :] + back_s * down[:, :, None] + (width - 1) / 2
    y = back_c * down[:, :, None] - back_s * across[:, None, :] + (height - 1) / 2
    u, v, strain = jnp.moveaxis(_interpolated(flow, x, y), -1, 0)
    ahead_c, ahead_s = (cosine * zoom)[:, None, None], (sine * zoom)[:, None, None]
    return jnp.stack([ahead_c * u - ahead_s * v, ahead_s * u + ahead_c * v, strain], -1)


def hidden(flow: Images, corner: Float[Array, "batch 2"], side: Float[Array, " batch"]) -> Images:
    """Flow without motion in a square.

    Args:
      flow: float32 [batch, H, W, 3].
      corner: px of its left and upper edge.
      side: px.
    """
    # A pixel is in the square if its centre is.
    x, y = jnp.arange(flow.shape[2]) + 0.5, jnp.arange(flow.shape[1]) + 0.5
    left, top = corner[:, :1], corner[:, 1:]
    columns = (x >= left) & (x < left + side[:, None])
    rows = (y >= top) & (y < top + side[:, None])
    return jnp.where((rows[:, :, None] & columns[:, None, :])[..., None], 0, flow)


def _interpolated(
    flow: Images, x: Float[Array, "batch height width"], y: Float[Array, "batch height width"]
) -> Images:
    """Linear interpolation of images at some places, in px."""
    height, width = flow.shape[1:3]
    x, y = jnp.clip(x, 0, width - 1), jnp.clip(y, 0, height - 1)
    left, top = jnp.clip(jnp.floor(x), 0, width - 2), jnp.clip(jnp.floor(y), 0, height - 2)
    right, below = (x - left)[..., None], (y - top)[..., None]
    corner = (top * width + left).astype(jnp.int32)
    pixels = flow.reshape(flow.shape[0], -1, flow.shape[-1])

    def at(offset: int) -> jax.Array:
        place = (corner + offset).reshape(corner.shape[0], -1, 1)
        found = jnp.take_along_axis(pixels, place, 1, mode="promise_in_bounds")
        return found.reshape(flow.shape)

    upper = at(0) * (1 - right) + at(1) * right
    lower = at(width) * (1 - right) + at(width + 1) * right
    return upper * (1 - below) + lower * below
