"""A clip as a picture, and a map laid over it."""

from __future__ import annotations

import cv2
import matplotlib
import numpy as np

from ethnicmer_jax.data.dataset import Dataset

SIDE = 112
"""Width and height of the pictures in px."""

_STRENGTH = 0.75
"""Opacity of a map where it is largest."""


def picture(dataset: Dataset, clip: int) -> np.ndarray:
    """The apex frame, or the flow where there is none: uint8 [SIDE, SIDE, 3] RGB.

    Flow is drawn as a colour wheel: the direction is the hue, the length the saturation.
    """
    if dataset.apex_image is not None:
        return cv2.resize(dataset.apex_image[clip], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return cv2.resize(flow_wheel(dataset.flow[clip]), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def flow_wheel(flow: np.ndarray) -> np.ndarray:
    """Flow [H, W, 2 or more] as uint8 [H, W, 3] RGB: white where nothing moves."""
    u, v = np.moveaxis(flow[..., :2] - np.median(flow[..., :2], axis=(0, 1)), -1, 0)
    length = np.hypot(u, v)
    hue = np.degrees(np.arctan2(v, u)) % 360 / 2
    saturation = 255 * length / max(float(length.max()), np.finfo(np.float32).eps)
    wheel = np.stack([hue, saturation, np.full_like(u, 255)], axis=-1).astype(np.uint8)
    return cv2.cvtColor(wheel, cv2.COLOR_HSV2RGB)


def overlay(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A map over a picture without its colours, which would mix with the map's.

    Args:
      image: uint8 [S, S, 3].
      values: float32 [h, w]; what is negative is not shown.

    Returns:
      uint8 [S, S, 3]; the largest value of the map is opaque by three quarters.
    """
    side = image.shape[0]
    positive = np.maximum(cv2.resize(values, (side, side), interpolation=cv2.INTER_LINEAR), 0)
    share = positive / max(float(positive.max()), np.finfo(np.float32).tiny)
    colours = matplotlib.colormaps["inferno"](share)[..., :3] * 255
    grey = np.repeat(image.mean(axis=-1, keepdims=True), 3, axis=-1)
    opacity = _STRENGTH * share[..., None]
    return np.round((1 - opacity) * grey + opacity * colours).astype(np.uint8)


def png(image: np.ndarray) -> bytes:
    """The PNG file of uint8 [H, W, 3] RGB."""
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()
