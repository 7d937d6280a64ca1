"""Optical flow and optical strain between the onset and the apex frame of a clip.

Convention, everywhere in the project: the flow at a pixel of the onset frame is
where that pixel has gone by the apex frame, apex(y + v, x + u) = onset(y, x);
u > 0 points to the image's right, v > 0 downwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

Estimator = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
"""Grey frames uint8 [pairs, H, W], twice, and threads to flow [pairs, H, W, 2] in pixels."""


def _tvl1(onset: np.ndarray, moved: np.ndarray, threads: int) -> np.ndarray:
    from data_builders.pixels import tvl1  # JAX, which takes a second to import

    return tvl1.solve_many(onset, moved, threads)


def _farneback(onset: np.ndarray, moved: np.ndarray, threads: int) -> np.ndarray:
    return np.stack([_farneback_pair(*pair) for pair in zip(onset, moved, strict=True)])


def _farneback_pair(onset: np.ndarray, moved: np.ndarray) -> np.ndarray:
    return cv2.calcOpticalFlowFarneback(
        onset,
        moved,
        None,
        pyr_scale=0.5,
        levels=3,
        winsize=15,
        iterations=3,
        poly_n=5,
        poly_sigma=1.1,
        flags=0,
    )


def _dis(onset: np.ndarray, moved: np.ndarray, threads: int) -> np.ndarray:
    estimator = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.stack([estimator.calc(*pair, None) for pair in zip(onset, moved, strict=True)])


METHODS: Mapping[str, Estimator] = MappingProxyType(
    {"tvl1": _tvl1, "farneback": _farneback, "dis": _dis}
)
"""Estimators: TV-L1 (Zach et al. 2007), Farnebäck (2003), DIS (Kroeger et al. 2016)."""

IN_BATCHES = frozenset({"tvl1"})
"""Methods that compute many pairs at once: on an accelerator, or in threads of one process."""


def compute(onset: np.ndarray, apex: np.ndarray, method: str = "tvl1") -> np.ndarray:
    """Dense optical flow from onset to apex.

    Args:
      onset: uint8 [H, W, 3] RGB or [H, W] grey.
      apex: the same shape and type.
      method: one of METHODS.

    Returns:
      float32 [H, W, 2], the displacement (u, v) in pixels; see the module's convention.

    Raises:
      ValueError: the method is unknown, or the frames are not uint8, not RGB or
        grey, or not of one shape.
    """
    if onset.shape != apex.shape:
        raise ValueError(f"onset {onset.shape} and apex {apex.shape} differ in shape")
    return compute_many(grey(onset)[None], grey(apex)[None], method)[0]


def compute_from(
    onset: np.ndarray, frames: np.ndarray, method: str = "tvl1", threads: int = 1
) -> np.ndarray:
    """Flow from the onset to each of a clip's frames, in one call.

    Args:
      onset: uint8 [H, W], grey.
      frames: uint8 [frames, H, W], grey.
      method: one of METHODS.
      threads: see `compute_many`.

    Returns:
      float32 [frames, H, W, 2], each bit for bit what `compute` gives for the frame.

    Raises:
      ValueError: see `compute_many`.
    """
    if frames.shape[1:] != onset.shape:
        raise ValueError(f"onset {onset.shape} and frames {frames.shape[1:]} differ in shape")
    return compute_many(np.broadcast_to(onset, frames.shape), frames, method, threads)


def compute_many(
    onsets: np.ndarray, moved: np.ndarray, method: str = "tvl1", threads: int = 1
) -> np.ndarray:
    """Flow of many pairs of frames; the flow of a pair does not depend on the others.

    Args:
      onsets: uint8 [pairs, H, W], grey; at least one pair.
      moved: uint8 [pairs, H, W], grey.
      method: one of METHODS.
      threads: pairs of IN_BATCHES that a CPU works on at the same time.

    Returns:
      float32 [pairs, H, W, 2], the displacement (u, v) in pixels.

    Raises:
      ValueError: the method is unknown, or the frames differ in shape or are not uint8.
    """
    if method not in METHODS:
        raise ValueError(f"unknown flow method {method!r}: use one of {', '.join(METHODS)}")
    if onsets.shape != moved.shape or onsets.ndim != 3 or not len(onsets):
        raise ValueError(f"frames must be [pairs, H, W], not {onsets.shape} and {moved.shape}")
    if onsets.dtype != np.uint8 or moved.dtype != np.uint8:
        raise ValueError(f"frames must be uint8, not {onsets.dtype} and {moved.dtype}")
    return METHODS[method](onsets, moved, threads).astype(np.float32, copy=False)


def optical_strain(uv: np.ndarray) -> np.ndarray:
    """Magnitude of the optical strain tensor (Shreve et al. 2011).

    sqrt(exx² + eyy² + 2 exy²) with exx = du/dx, eyy = dv/dy, exy = (du/dy + dv/dx) / 2:
    zero for every rigid translation, and to first order for every rotation.

    Args:
      uv: float [H, W, 2], displacement in pixels; H and W at least 2.

    Returns:
      float32 [H, W], dimensionless (px/px), >= 0.
    """
    du_dy, du_dx = np.gradient(uv[..., 0])
    dv_dy, dv_dx = np.gradient(uv[..., 1])
    shear = (du_dy + dv_dx) / 2
    return np.sqrt(du_dx**2 + dv_dy**2 + 2 * shear**2).astype(np.float32)


def to_record(uv: np.ndarray, size: int) -> np.ndarray:
    """A pixel flow as a clip record stores it.

    Args:
      uv: float [H, W, 2], displacement in pixels of the crop.
      size: height and width of the result.

    Returns:
      float32 [size, size, 3]: u and v in percent of the crop's width, and the optical
      strain of the full-size flow (schema.FLOW_UNITS, "percent_of_width"); each cell
      is the mean over the area it covers.
    """
    percent = uv * (100.0 / uv.shape[1])
    stacked = np.dstack([percent, optical_strain(uv)]).astype(np.float32)
    return cv2.resize(stacked, (size, size), interpolation=cv2.INTER_AREA)


def clip_flow(
    onset: np.ndarray, apex: np.ndarray, method: str = "tvl1", size: int = 28
) -> np.ndarray:
    """Flow and strain of a pair of face crops: `compute`, then `to_record`.

    Args:
      onset: uint8 [H, W, 3] RGB or [H, W] grey face crop.
      apex: the same crop of the apex frame.
      method: one of METHODS.
      size: height and width of the result.

    Returns:
      float32 [size, size, 3]; see `to_record`.

    Raises:
      ValueError: see `compute`.
    """
    return to_record(compute(onset, apex, method), size)


def grey(frame: np.ndarray) -> np.ndarray:
    """What flow is computed on: uint8 [H, W] of a uint8 frame [H, W, 3] RGB or [H, W] grey.

    Raises:
      ValueError: it is neither.
    """
    if frame.dtype != np.uint8:
        raise ValueError(f"a frame must be uint8, not {frame.dtype}")
    if frame.ndim == 2:
        return frame
    if frame.ndim == 3 and frame.shape[2] == 3:
        return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    raise ValueError(f"a frame must be [H, W, 3] RGB or [H, W] grey, not {frame.shape}")
