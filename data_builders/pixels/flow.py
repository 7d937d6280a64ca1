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
from skimage.registration import optical_flow_tvl1


def _tvl1(onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
    scaled = [frame.astype(np.float32) / np.float32(255) for frame in (onset, apex)]
    rows, columns = optical_flow_tvl1(*scaled, dtype=np.float32)
    return np.stack([columns, rows], axis=-1)


def _farneback(onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
    return cv2.calcOpticalFlowFarneback(
        onset,
        apex,
        None,
        pyr_scale=0.5,
        levels=3,
        winsize=15,
        iterations=3,
        poly_n=5,
        poly_sigma=1.1,
        flags=0,
    )


def _dis(onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(onset, apex, None)


METHODS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = MappingProxyType(
    {"tvl1": _tvl1, "farneback": _farneback, "dis": _dis}
)
"""Estimators: TV-L1 (Zach et al. 2007), Farnebäck (2003), DIS (Kroeger et al. 2016)."""


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
    if method not in METHODS:
        raise ValueError(f"unknown flow method {method!r}: use one of {', '.join(METHODS)}")
    if onset.shape != apex.shape:
        raise ValueError(f"onset {onset.shape} and apex {apex.shape} differ in shape")
    return METHODS[method](_grey(onset), _grey(apex)).astype(np.float32)


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


def _grey(frame: np.ndarray) -> np.ndarray:
    if frame.dtype != np.uint8:
        raise ValueError(f"a frame must be uint8, not {frame.dtype}")
    if frame.ndim == 2:
        return frame
    if frame.ndim == 3 and frame.shape[2] == 3:
        return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    raise ValueError(f"a frame must be [H, W, 3] RGB or [H, W] grey, not {frame.shape}")
