"""Where brows, eyes, nose, cheeks, mouth and chin lie in an aligned face crop.

Crops are aligned by the pupils, so regions are boxes in face units: the origin midway
between the pupils, y down, the pupils' distance as unit. A database that comes cropped
without landmarks is taken to be aligned in the same way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import cv2
import numpy as np

from ethnicmer_jax.base.crop import CropGeometry

_OURS = CropGeometry.of_margin()


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the pupils lie in every crop; the defaults are those of our own face crops.

    Attributes:
      distance: between the pupils, as a share of the crop's width.
      height: of the pupils from the top, as a share of the crop's height.
    """

    distance: float = _OURS.distance
    height: float = _OURS.height


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
"""Disjoint; the brows reach to the lower forehead, which moves with them."""

REGIONS = tuple(BOXES)

_FINE = 8
"""Points along a side of a cell that decide how much of it a region covers."""


def to_crop(points: np.ndarray, layout: Layout) -> np.ndarray:
    """Face units [..., 2] to shares of the crop's width and height."""
    return np.array([0.5, layout.height]) + np.asarray(points) * layout.distance


def masks(size: int, layout: Layout) -> np.ndarray:
    """How much of each cell of a crop each region covers.

    Args:
      size: cells along a side.
      layout: of the crops.

    Returns:
      float32 [regions, size, size] in [0, 1]; sums over regions do not pass 1.
    """
    fine = size * _FINE
    places = (np.arange(fine) + 0.5) / fine
    x, y = np.abs(places - 0.5) / layout.distance, (places - layout.height) / layout.distance

    def covered(boxes: tuple[Box, ...]) -> np.ndarray:
        inside = [
            ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))
            for left, right, top, bottom in boxes
        ]
        every = np.any(inside, axis=0).astype(np.float32)
        return cv2.resize(every, (size, size), interpolation=cv2.INTER_AREA)

    return np.stack([covered(BOXES[region]) for region in REGIONS])


def masses(maps: np.ndarray, layout: Layout) -> np.ndarray:
    """The share of each map's positive part that falls on each region.

    Args:
      maps: float32 [n, size, size].
      layout: of the crops.

    Returns:
      float64 [n, regions]; NaN where a map is nowhere positive.
    """
    shares = normalised(maps)
    return np.einsum("nhw,rhw->nr", shares, masks(maps.shape[-1], layout), dtype=np.float64)


def normalised(maps: np.ndarray) -> np.ndarray:
    """The positive parts of [n, size, size], each with the sum 1; NaN where there is none."""
    positive = np.maximum(maps, 0)
    total = positive.sum((1, 2), keepdims=True)
    return np.divide(positive, total, out=np.full_like(positive, np.nan), where=total > 0)


def motion(flow: np.ndarray, size: int) -> np.ndarray:
    """How far each place moves beyond what most of the face does.

    Args:
      flow: float32 [n, H, W, 3], u and v first.
      size: cells along a side of the result.

    Returns:
      float32 [n, size, size], in the unit of u and v.
    """
    apart = flow[..., :2] - np.median(flow[..., :2], axis=(1, 2), keepdims=True)
    length = np.linalg.norm(apart, axis=-1).astype(np.float32)
    how = cv2.INTER_AREA if size < flow.shape[1] else cv2.INTER_LINEAR
    return np.stack([cv2.resize(one, (size, size), interpolation=how) for one in length])
