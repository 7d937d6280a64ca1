"""What describes a flow image to a classifier that is to tell drawn from recorded ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np

_BANDS = ((0.5, 1.5), (1.5, 2.5), (2.5, 4.5), (4.5, 7.5), (7.5, 10.5), (10.5, 20.0))
"""Rings of the spectrum, in periods over the image."""

_QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.97)
_MOVING = 0.25
"""How far a cell is from the median, as a share of the range, where it counts as moving."""


def images(flow: np.ndarray) -> np.ndarray:
    """Flow as public clips come: 8 bits, each channel of each clip over its own range.

    Args:
      flow: float32 [n, H, W, 3], u, v and strain in any unit.

    Returns:
      float32 [n, H, W, 3], 0 to 1 in steps of 1/255.
    """
    low, high = flow.min((1, 2), keepdims=True), flow.max((1, 2), keepdims=True)
    levels = np.round(255 * (flow - low) / np.maximum(high - low, 1e-12))
    return (levels / 255).astype(np.float32)


def grid(flow: np.ndarray) -> np.ndarray:
    """Means over 7 × 7 parts of each channel, [n, 147]."""
    return np.stack([cv2.resize(f, (7, 7), None, 0, 0, cv2.INTER_AREA).ravel() for f in flow])


def pixels(flow: np.ndarray) -> np.ndarray:
    """Every value, [n, H * W * 3]."""
    return flow.reshape(len(flow), -1)


def statistics(flow: np.ndarray) -> np.ndarray:
    """What does not depend on where on the face something moves, [n, statistics].

    Per channel: deviation, share of moving cells, kurtosis, shares of the spectrum's rings,
    correlations with itself one and four cells aside, up or down, and with its mirror image;
    of strain its quantiles, too.
    """
    channels = [_of_channel(flow[..., c], sign) for c, sign in enumerate((-1, 1, 1))]
    strain = np.quantile(flow[..., 2], _QUANTILES, axis=(1, 2)).T
    return np.column_stack([*channels, strain])


FEATURES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "grid": grid,
    "pixels": pixels,
    "statistics": statistics,
}
"""Name -> images [n, H, W, 3] to features [n, d]."""


def _of_channel(field: np.ndarray, sign: int) -> np.ndarray:
    """Statistics [n, 14] of a channel; `sign` is what mirroring the face does to its values."""
    apart = field - np.median(field, axis=(1, 2), keepdims=True)
    moving = (np.abs(apart) > _MOVING).mean((1, 2))
    centred = field - field.mean((1, 2), keepdims=True)
    deviation = np.sqrt((centred**2).mean((1, 2))) + 1e-9
    z = centred / deviation[:, None, None]
    sides = [(z[:, :, lag:] * z[:, :, :-lag]).mean((1, 2)) for lag in (1, 4)]
    heights = [(z[:, lag:] * z[:, :-lag]).mean((1, 2)) for lag in (1, 4)]
    mirrored = (z * sign * z[:, :, ::-1]).mean((1, 2))
    columns = [deviation, moving, np.log((z**4).mean((1, 2))), *sides, *heights, mirrored]
    return np.column_stack([*columns, _spectrum(z)])


def _spectrum(z: np.ndarray) -> np.ndarray:
    """Log shares [n, rings] of the power in the rings of _BANDS."""
    power = np.abs(np.fft.fft2(z)) ** 2
    axis = np.fft.fftfreq(z.shape[1]) * z.shape[1]
    radius = np.hypot(axis[:, None], axis)
    rings = [power[:, (radius >= low) & (radius < high)].sum(1) for low, high in _BANDS]
    return np.log(np.column_stack(rings) / power.sum((1, 2))[:, None] + 1e-9)
