"""Reads a clip whose motion comes as a flow field already."""

from __future__ import annotations

import math
import os
import pathlib
from typing import BinaryIO

import cv2
import numpy as np

from data_builders.pixels import flow, frames
from ethnicmer_jax.base import bounds

_MAGIC = np.lib.format.MAGIC_PREFIX
"""What a .npy file begins with; `np.load` would also read archives and pickles."""


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
    with path.open("rb") as file:
        _check_header(path, file)
        file.seek(0)
        try:
            field = np.lib.format.read_array(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(f"{path} is no NumPy array: {error}") from error
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinity
        field = field.astype(np.float32)
    if not np.isfinite(field).all():
        raise ValueError(f"{path} holds NaN or infinity")
    return field


def _check_header(path: pathlib.Path, file: BinaryIO) -> None:
    """Refuses what a header says before any room is made for it."""
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError(f"{path} is no NumPy array: it does not begin as one")
    file.seek(0)
    try:
        version = np.lib.format.read_magic(file)
        reader = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = reader(file)
        if max(shape, default=0) >= 2**31:
            raise ValueError("no array is as long as that")
    except Exception as error:  # its parser of headers is Python's own, and fails like it
        raise ValueError(f"{path} is no NumPy array: its header cannot be read") from error
    if dtype.kind not in "fiu":
        raise ValueError(f"{path} does not hold one array of numbers")
    if len(shape) != 3 or shape[2] not in (2, 3) or min(shape[:2]) < 2:
        raise ValueError(f"{path} must be [H, W, 2] or [H, W, 3], not {_shown(shape)}")
    if fault := bounds.pixel_fault(shape[1], shape[0]):
        raise ValueError(f"{path} {fault}")
    held = os.fstat(file.fileno()).st_size - file.tell()
    if held < math.prod(shape) * dtype.itemsize:
        raise ValueError(
            f"{path} is damaged: its header announces {math.prod(shape) * dtype.itemsize} bytes of "
            f"numbers, and it holds {held}; copy it again"
        )


def _shown(shape: tuple[int, ...]) -> str:
    text = str(list(shape))
    return text if len(text) <= 80 else f"{text[:77]}..."


def _percent(field: np.ndarray, size: int) -> np.ndarray:
    return flow.to_record(field, size) if field.shape[2] == 2 else _resized(field, size)


def _resized(field: np.ndarray, size: int) -> np.ndarray:
    if field.shape[:2] == (size, size):
        return field
    return cv2.resize(field, (size, size), interpolation=cv2.INTER_AREA)
