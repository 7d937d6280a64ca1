"""Takes the head's movement out of a flow field, so that the skin's is left.

One transform crops both frames of a clip, so that whatever the head does between them is in
the flow: a shift, a turn, a step nearer to the camera. Together they are a similarity of the
face. It is fitted to the flow of the whole face by iteratively reweighted least squares:
a micro-expression moves a small part of the skin, whose cells come to count little. Eyes are
left out, since people blink.

The nose bridge and the eye corners alone, which no muscle moves, are too small a base: what
their flow errs in turn and scale grows with the distance (docs/crops.md has the figures).
"""

from __future__ import annotations

import cv2
import numpy as np

from ethnicmer_jax.base.crop import CropGeometry

KINDS = ("none", "translation", "similarity")
DEFAULT = "similarity"

_CELLS = 28
"""Cells a side over which flow is averaged before the fit."""

_EYE = (0.36, 0.20)
"""Half axes of the part around a pupil that a blink changes, in eye distances."""

_FACE = 0.95
"""Half width of the face, in eye distances; what lies beside it may be background."""

_ROUNDS = 15


def without_head(uv: np.ndarray, geometry: CropGeometry, kind: str) -> np.ndarray:
    """Flow as if the head had been held still.

    Args:
      uv: float32 [pairs, H, W, 2], displacement in pixels of square crops.
      geometry: where the pupils lie in the crops.
      kind: one of KINDS.

    Returns:
      float32 [pairs, H, W, 2]; `uv` itself for "none".

    Raises:
      ValueError: the kind is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown stabilisation {kind!r}: use one of {', '.join(KINDS)}")
    if kind == "none":
        return uv
    cells = np.stack([cv2.resize(f, (_CELLS, _CELLS), None, 0, 0, cv2.INTER_AREA) for f in uv])
    coarse, fine = places(_CELLS, geometry), places(uv.shape[1], geometry)
    motion = head_motion(cells.reshape(len(uv), -1, 2), coarse, rigid(coarse), kind)
    distance = geometry.distance * uv.shape[2]
    return np.stack([_moved_back(f, fine, m, distance) for f, m in zip(uv, motion, strict=True)])


def places(size: int, geometry: CropGeometry) -> np.ndarray:
    """Middles of a crop's size × size cells in face units, float64 [size², 2], row by row.

    Args:
      size: cells along a side.
      geometry: where the pupils lie in the crop.
    """
    middles = (np.arange(size) + 0.5) / size
    columns, rows = np.meshgrid(middles, middles)
    shares = np.stack([columns.ravel(), rows.ravel()], axis=-1)
    return (shares - (0.5, geometry.height)) / geometry.distance


def on_face(places: np.ndarray) -> np.ndarray:
    """Which places, float [n, 2] in face units, do not lie beside the face: bool [n]."""
    return np.abs(places[:, 0]) <= _FACE


def rigid(places: np.ndarray) -> np.ndarray:
    """Which places of a face tell what the head does: not the eyes, nor what lies beside it.

    Args:
      places: float [n, 2] in face units, see `CropGeometry`.

    Returns:
      bool [n].
    """
    apart = (np.abs(places) - (0.5, 0.0)) / _EYE
    return on_face(places) & ((apart**2).sum(axis=-1) >= 1)


def head_motion(
    flow: np.ndarray, places: np.ndarray, counts: np.ndarray, kind: str = "similarity"
) -> np.ndarray:
    """The movement that most places of a face share.

    Args:
      flow: float [pairs, n, 2] in pixels.
      places: float [n, 2] in face units.
      counts: bool [n], the places that are looked at.
      kind: "translation" or "similarity".

    Returns:
      complex128 [pairs, 2]: with points z = x + iy and flow w = u + iv as complex numbers,
      w = a + b z, in pixels and pixels per eye distance; b is 0 for a translation.
    """
    z, w = _complex(places[counts]), _complex(flow[:, counts])
    trust = np.ones(w.shape)
    motion = np.zeros((len(w), 2), np.complex128)
    for _ in range(_ROUNDS):
        motion = _least_squares(z, w, trust, kind)
        residual = np.abs(w - motion[:, :1] - motion[:, 1:] * z)
        usual = np.median(residual, axis=1, keepdims=True) + 1e-6
        trust = 1 / (1 + (residual / usual) ** 2) ** 2  # Geman and McClure 1985
    return motion


def _least_squares(z: np.ndarray, w: np.ndarray, trust: np.ndarray, kind: str) -> np.ndarray:
    """The line w = a + b z through weighted complex points."""
    share = trust / trust.sum(axis=1, keepdims=True)
    # Sums, not matrix products: their rounding does not depend on how many pairs there are.
    middle, mean = (share * z).sum(axis=1), (share * w).sum(axis=1)
    if kind == "translation":
        return np.stack([mean, np.zeros_like(mean)], axis=-1)
    apart = z - middle[:, None]
    b = (share * apart.conj() * w).sum(axis=1) / (share * np.abs(apart) ** 2).sum(axis=1)
    return np.stack([mean - b * middle, b], axis=-1)


def _complex(points: np.ndarray) -> np.ndarray:
    return points[..., 0].astype(np.complex128) + 1j * points[..., 1]


def _moved_back(
    uv: np.ndarray, places: np.ndarray, motion: np.ndarray, distance: float
) -> np.ndarray:
    """Where each pixel would have gone without the head: its end, taken back by the motion."""
    a, b = motion
    start = _complex(places) * distance
    end = start + _complex(uv.reshape(-1, 2))
    still = (end - a) / (1 + b / distance) - start
    return np.stack([still.real, still.imag], axis=-1).reshape(uv.shape).astype(np.float32)
