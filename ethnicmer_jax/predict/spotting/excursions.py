"""How far the skin has gone and come back around each frame, against the recording's noise.

With D(t) the displacement of a patch of skin, D(t) − (D(t − k) + D(t + k)) / 2 is what moves
within k frames and is back k frames later: a micro-expression at its apex, if k is about half its
length. A head's drift and an expression that is held leave nothing. It is the difference of the
flow from the frame k earlier and of the flow to the frame k later, the two that the field compares
a frame by (Wang et al. 2017, main directional maximal difference; Liong et al. 2021).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import cv2
import numpy as np

from ethnicmer_jax.predict.spotting.options import SpotOptions
from ethnicmer_jax.predict.spotting.windows import Motion, Window

FLOOR = 0.02
"""Least noise of a patch, pixels of a crop: what 8 bits and flow cannot tell from nothing."""

_RAYLEIGH_MEDIAN = math.sqrt(2 * math.log(2))
"""Median length of a vector of two normal numbers of unit deviation."""

_STRONGEST = 4
"""Patches whose motion makes the score: an Action Unit moves about so many."""


@dataclasses.dataclass(frozen=True)
class Excursions:
    """What goes and comes back in one window.

    Attributes:
      start: position of the window's first frame among those that were read.
      core: the frames of the window that no other window answers for.
      moved: float64 [frames, patches, 2], displacement, smoothed over time.
      away: float64 [frames, patches, 2], what is back `half` seconds before and after; 0 where
        the window does not reach so far.
    """

    start: int
    core: slice
    moved: np.ndarray
    away: np.ndarray


def in_windows(motion: Motion, options: SpotOptions) -> tuple[Excursions, ...]:
    """The excursions in each window that is long enough."""
    lag = max(1, round(options.half * motion.rate))
    return tuple(
        _of_window(window, motion, lag, options)
        for window in motion.windows
        if len(window.moved) > 2 * lag
    )


def noise(found: Sequence[Excursions]) -> np.ndarray:
    """The usual excursion of each patch over a recording, float64 [patches]; pixels of a crop.

    By the median, on which a few expressions have no influence; infinite for a patch that does
    not count.
    """
    lengths = np.concatenate([_lengths(one.away[one.core]) for one in found])
    lengths[lengths == 0] = np.nan
    counts = ~np.isnan(lengths).all(axis=0)
    usual = np.full(lengths.shape[1], np.inf)
    usual[counts] = np.nanmedian(lengths[:, counts], axis=0) / _RAYLEIGH_MEDIAN
    return np.maximum(usual, FLOOR)


def score(window: Excursions, usual: np.ndarray) -> np.ndarray:
    """float64 [frames]: root mean square of the strongest patches, in units of their noise."""
    strongest = np.sort(_lengths(window.away) / usual, axis=1)[:, -_STRONGEST:]
    return np.sqrt((strongest**2).mean(axis=1))


def in_pattern(window: Excursions, index: int, usual: np.ndarray) -> np.ndarray:
    """How far each frame has gone in the pattern of one, float64 [frames].

    The pattern is what that frame shows, weighted against noise as a matched filter is.
    """
    pattern = (window.away[index] / usual[:, None] ** 2).ravel()
    length = math.sqrt(float(window.away[index].ravel() @ pattern))
    return window.moved.reshape(len(window.moved), -1) @ pattern / max(length, 1e-12)


def _of_window(window: Window, motion: Motion, lag: int, options: SpotOptions) -> Excursions:
    moved = _smoothed(window.moved.astype(np.float64), options.smoothing * motion.rate)
    away = np.zeros_like(moved)
    middle = moved[lag:-lag]
    away[lag:-lag] = middle - 0.5 * (moved[: -2 * lag] + moved[2 * lag :])
    return Excursions(window.start, _core(window, motion), moved, away)


def _core(window: Window, motion: Motion) -> slice:
    """The middle half of the window; at the ends of the recording what lies beyond, too."""
    half, count = motion.hop // 2, len(window.moved)
    first = half if window.start > 0 else 0
    last = half + motion.hop
    ends = window.start + count >= len(motion.numbers)
    return slice(first, count if ends and count <= last + half else min(last, count))


def _smoothed(series: np.ndarray, sigma: float) -> np.ndarray:
    """Series [frames, patches, 2] smoothed over time by a Gaussian."""
    kernel = cv2.getGaussianKernel(2 * math.ceil(3 * sigma) + 1, max(sigma, 0.4))
    flat = series.reshape(len(series), -1)
    smooth = cv2.filter2D(flat, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return smooth.reshape(series.shape)


def _lengths(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors, axis=-1)
