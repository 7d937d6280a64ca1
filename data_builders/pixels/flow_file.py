"""Reads a clip whose motion comes as a flow field already."""

from __future__ import annotations

import pathlib

import cv2
import numpy as np

from data_builders.pixels import flow, frames


def read(path: pathlib.Path, size: int) -> tuple[np.ndarray, str]:
    """One flow field in the size that a database stores.

    Args:
      path: an 8-bit RGB image (R u, G v, B optical strain; each [0, 255] over a range that
        nobody kept) or a .npy array: [H, W, 2] u and v in pixels, or [H, W, 3] u and v in
        percent of the width and optical strain.
      size: height and width of the result.

    Returns:
      float32 [size, size, 3] and its unit, one of `schema.FLOW_UNITS`.

    Raises:
      ValueError: the file is unreadable, has another shape, holds NaN or infinity, or no motion.
    """
    if path.suffix.lower() == ".npy":
        return _percent(_array(path), size), "percent_of_width"
    image = frames.read_image(path)
    if (image == image[..., :1]).all():
        raise ValueError(f"{path} is grey or empty: flow has u, v and strain in R, G and B")
    return _resized(image.astype(np.float32) / 255, size), "normalised"


def _array(path: pathlib.Path) -> np.ndarray:
    try:
        field = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path} is no NumPy array: {error}") from error
    if not isinstance(field, np.ndarray) or field.dtype.kind not in "fiu":
        raise ValueError(f"{path} does not hold one array of numbers")
    if field.ndim != 3 or field.shape[2] not in (2, 3) or min(field.shape[:2]) < 2:
        raise ValueError(f"{path} must be [H, W, 2] or [H, W, 3], not {list(field.shape)}")
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinity
        field = field.astype(np.float32)
    if not np.isfinite(field).all():
        raise ValueError(f"{path} holds NaN or infinity")
    return field


def _percent(field: np.ndarray, size: int) -> np.ndarray:
    return flow.to_record(field, size) if field.shape[2] == 2 else _resized(field, size)


def _resized(field: np.ndarray, size: int) -> np.ndarray:
    if field.shape[:2] == (size, size):
        return field
    return cv2.resize(field, (size, size), interpolation=cv2.INTER_AREA)
