"""Where brows, eyes, nose, cheeks, mouth and chin lie in an aligned face crop.

Crops are aligned by the pupils, so regions are boxes in face units: the origin midway
between the pupils, y down, the pupils' distance as unit. A database records the
geometry of its crops; where it does not know it, that of our own crops is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Float, Float32

from ethnicmer_jax.base.crop import CropGeometry

Box = tuple[float, float, float, float]
"""Least and greatest |x|, then least and greatest y, in face units."""

BOXES: Mapping[str, tuple[Box, ...]] = {
    "brows": ((0.0, 0.95, -0.75, -0.20),),
    "eyes": ((0.18, 0.95, -0.20, 0.25),),
    "nose": ((0.0, 0.18, -0.20, 0.25), (0.0, 0.36, 0.25, 0.82)),
    "cheeks": ((0.36, 1.10, 0.25, 0.82), (0.72, 1.05, 0.82, 1.20)),
    "mouth": ((0.0, 0.72, 0.82, 1.42),),
    "chin": ((0.0, 0.62, 1.42, 1.85),),
}
"""Disjoint; the brows reach to the lower forehead, which moves with them. Forehead and chin
reach beyond a crop without margin: what it does not show counts nowhere."""

REGIONS = tuple(BOXES)

_FINE = 8
"""Points along a side of a cell that decide how much of it a region covers."""


def masks(size: int, crop: CropGeometry) -> Float32[np.ndarray, "regions {size} {size}"]:
    """How much of each cell of a crop each region covers.

    Args:
      size: cells along a side.
      crop: geometry of the face crops.

    Returns:
      Values in [0, 1]; sums over regions do not pass 1.
    """
    fine = size * _FINE
    places = (np.arange(fine) + 0.5) / fine
    x, y = np.abs(places - 0.5) / crop.distance, (places - crop.height) / crop.distance

    def covered(boxes: tuple[Box, ...]) -> np.ndarray:
        inside = [
            ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))
            for left, right, top, bottom in boxes
        ]
        every = np.any(inside, axis=0).astype(np.float32)
        return cv2.resize(every, (size, size), interpolation=cv2.INTER_AREA)

    return np.stack([covered(BOXES[region]) for region in REGIONS])


def masses(
    maps: Float[np.ndarray, "clips size size"], crop: CropGeometry
) -> Float[np.ndarray, "clips regions"]:
    """The share of each map's positive part that falls on each region.

    NaN where a map is nowhere positive.
    """
    shares = normalised(maps)
    return np.einsum("nhw,rhw->nr", shares, masks(maps.shape[-1], crop), dtype=np.float64)


def normalised(
    maps: Float[np.ndarray, "clips size size"],
) -> Float[np.ndarray, "clips size size"]:
    """The positive parts of maps, each with the sum 1; NaN where there is none."""
    positive = np.maximum(maps, 0)
    total = positive.sum((1, 2), keepdims=True)
    return np.divide(positive, total, out=np.full_like(positive, np.nan), where=total > 0)


def motion(
    flow: Float[np.ndarray, "clips h w channels"], size: int
) -> Float32[np.ndarray, "clips {size} {size}"]:
    """How far each place moves beyond what most of the face does.

    Args:
      flow: u and v first.
      size: cells along a side of the result.

    Returns:
      Lengths in the unit of u and v.
    """
    apart = flow[..., :2] - np.median(flow[..., :2], axis=(1, 2), keepdims=True)
    length = np.linalg.norm(apart, axis=-1).astype(np.float32)
    how = cv2.INTER_AREA if size < flow.shape[1] else cv2.INTER_LINEAR
    return np.stack([cv2.resize(clip, (size, size), interpolation=how) for clip in length])
