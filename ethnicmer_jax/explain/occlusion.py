"""Occlusion: how far a logit falls when a square of the image shows nothing.

Reference: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV
2014, section 4.2. It changes what the network sees and needs no gradient, so it tells
whether a Grad-CAM map says anything about the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ethnicmer_jax.explain.views import View

SHARE = 4
"""A square is a SHARE-th of the image wide ..."""
STEPS = 10
"""... and put at STEPS × STEPS places."""

Scores = Callable[[Mapping[str, jax.Array]], Mapping[str, jax.Array]]
"""Inputs of a batch -> head -> float32 [batch], the logit that is explained."""


def maps(
    score: Scores, inputs: Mapping[str, jax.Array], views: Sequence[View]
) -> dict[View, np.ndarray]:
    """The maps of a batch.

    Args:
      score: compiled, since it is called once a place.
      inputs: what the classifier is called with; images, not prepared.
      views: what to explain; one branch's image is occluded at a time.

    Returns:
      float32 [batch, STEPS, STEPS]; a cell is the mean fall of the logit over the squares
      that cover it. Negative where the logit rises.
    """
    before = score(inputs)
    out: dict[View, np.ndarray] = {}
    for branch in dict.fromkeys(view.branch for view in views):
        heads = [view.head for view in views if view.branch == branch]
        image = inputs[branch]
        squares, blank = _squares(image.shape[1]), nothing(image)
        falls: dict[str, list[np.ndarray]] = {head: [] for head in heads}
        for square in squares:
            after = score({**inputs, branch: cover(image, blank, square)})
            for head in heads:
                falls[head].append(np.asarray(before[head] - after[head]))
        share = _coverage(squares)
        for head in heads:
            out[View(head, branch)] = np.einsum("pb,phw->bhw", np.stack(falls[head]), share)
    return out


def nothing(image: jax.Array) -> jax.Array:
    """[batch, 1, 1, channels]: each clip's median; most of a face does not move."""
    return jnp.median(image, axis=(1, 2), keepdims=True)


@jax.jit
def cover(image: jax.Array, blank: jax.Array, square: jax.Array) -> jax.Array:
    """[batch, S, S, C] with `blank` where `square`, bool [S, S], holds."""
    return jnp.where(square[None, :, :, None], blank, image)


def _squares(size: int) -> np.ndarray:
    """Bool [STEPS², size, size]: squares whose centres lie on a regular grid."""
    centres = (np.arange(STEPS) + 0.5) * size / STEPS
    pixels = np.arange(size) + 0.5
    strip = np.abs(pixels - centres[:, None]) < size / SHARE / 2
    return (strip[:, None, :, None] & strip[None, :, None, :]).reshape(-1, size, size)


def _coverage(squares: np.ndarray) -> np.ndarray:
    """float32 [STEPS², STEPS, STEPS]: each square's weight in the mean of each cell."""
    size = squares.shape[-1]
    places = ((np.arange(STEPS) + 0.5) * size / STEPS).astype(int)
    covers = squares[:, places][:, :, places].astype(np.float32)
    return covers / covers.sum(0)
