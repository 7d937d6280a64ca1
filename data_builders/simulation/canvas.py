"""A small painter: soft-edged polygons and Gaussian shading on an RGB frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
import scipy

from data_builders.simulation.anatomy import Pose

_SUBPIXEL_BITS = 4


def smooth_outline(points: Sequence[tuple[float, float]], count: int = 64) -> np.ndarray:
    """A closed smooth curve through points, float64 [count, 2]."""
    closed = np.array([*points, points[0]], dtype=float)
    lengths = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))]
    curve = scipy.interpolate.CubicSpline(lengths, closed, bc_type="periodic")
    return curve(np.linspace(0.0, lengths[-1], count, endpoint=False))


def ellipse(x: float, y: float, width: float, height: float, count: int = 32) -> np.ndarray:
    """An ellipse with the half axes given, float64 [count, 2]."""
    angle = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
    return np.column_stack([x + width * np.cos(angle), y + height * np.sin(angle)])


class Canvas:
    """Paints in face units on a float32 RGB frame with values in [0, 1]."""

    def __init__(self, image: np.ndarray, pose: Pose):
        """Paints on `image`, float32 [H, W, 3], in place; `pose` places the face."""
        self.image = image
        self.pose = pose
        height, width = image.shape[:2]
        self._x = (np.arange(width) - pose.x) / pose.unit
        self._y = (np.arange(height) - pose.y) / pose.unit

    def window(self, x: float, y: float, width: float, height: float) -> Canvas:
        """The part of the frame around (x, y), half sizes given: painting there is cheap."""
        low = np.floor(self.pose.to_pixels(np.array([x - width, y - height]))).astype(int)
        high = np.ceil(self.pose.to_pixels(np.array([x + width, y + height]))).astype(int)
        (left, top), (right, bottom) = np.maximum(low, 0), high
        pose = dataclasses.replace(self.pose, x=self.pose.x - left, y=self.pose.y - top)
        return Canvas(self.image[top:bottom, left:right], pose)

    def mask(self, outline: np.ndarray, softness: float = 0.01) -> np.ndarray:
        """Coverage [H, W] in [0, 1] of a closed outline, edge blurred by `softness`."""
        pixels = self.pose.to_pixels(outline) * 2**_SUBPIXEL_BITS
        coverage = np.zeros(self.image.shape[:2], np.uint8)
        polygon = np.round(pixels).astype(np.int32)
        cv2.fillPoly(coverage, [polygon], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        sigma = softness * self.pose.unit
        return cv2.GaussianBlur(coverage.astype(np.float32) / 255, (0, 0), max(sigma, 0.3))

    def fill(self, mask: np.ndarray, colour: Sequence[float], opacity: float = 1.0) -> None:
        """Lays one colour over the frame where the mask is."""
        alpha = (opacity * mask)[..., None]
        self.image += alpha * (np.array(colour, np.float32) - self.image)

    def scale(self, factor: np.ndarray) -> None:
        """Multiplies the brightness by a map [H, W]."""
        self.image *= factor[..., None].astype(np.float32)

    def bumps(self, table: Sequence[tuple[float, float, float, float, float]]) -> np.ndarray:
        """Sum of axis-aligned Gaussians [H, W]; rows (x, y, width, height, height)."""
        x, y, width, height, gain = np.array(table).T[:, :, None]
        across = np.exp(-0.5 * ((self._x - x) / width) ** 2)
        along = gain * np.exp(-0.5 * ((self._y - y) / height) ** 2)
        return (along.T @ across).astype(np.float32)

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Face coordinates of the pixels: x [1, W] and y [H, 1]."""
        return self._x[None, :], self._y[:, None]
