"""How the skin has moved since the onset, frame by frame, without what the head did."""

from __future__ import annotations

import cv2
import numpy as np

from ethnicmer_jax.base.crop import CropGeometry

CELL = 8
"""Side in pixels of the cells over which flow is averaged."""

_ROUNDS = 6
_SAME_EYE = 0.88
"""Correlation with the onset's eye below which a lid has covered it."""

_OPENING = np.array([0.22, 0.14])
"""Half width and height of the part of the eye that is compared, in eye distances."""

_REACH = 4
"""How far a head may have moved since the onset, pixels of the crop."""

_EYE = (0.36, 0.20)
"""Half axes of the region around a pupil that a blink changes, in eye distances."""

_FACE = 0.95
"""Half width of the face, in eye distances: what lies beside it does not count."""


def of_crops(crops: np.ndarray, geometry: CropGeometry) -> np.ndarray:
    """The skin's motion from the first crop to each.

    Args:
      crops: uint8 [frames, S, S], grey, all cropped alike; S a multiple of CELL.
      geometry: where the pupils lie in them.

    Returns:
      float32 [frames, cells, 2], (u, v) in pixels of the crop without a similarity for each
      frame (the head's movement); 0 in cells that do not count, those beside the face and, in
      a clip with a blink, those of the eyes.
    """
    places = _places(crops.shape[1], geometry)
    in_eye = _in_eye(places)
    beside = np.abs(places[:, 0]) > _FACE
    rigid = ~(beside | in_eye)
    moved = _without_head(cell_flow(crops), places, rigid.astype(np.float32))
    counts = rigid | (in_eye & (not _blinks(crops, geometry)))
    return np.where(counts[:, None], moved, np.float32(0))


def cell_flow(crops: np.ndarray) -> np.ndarray:
    """Mean flow of each cell, float32 [frames, cells, 2]; DIS (Kroeger et al. 2016)."""
    estimator = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    count = crops.shape[1] // CELL
    flows = [
        cv2.resize(estimator.calc(crops[0], crop, None), (count, count), None, 0, 0, cv2.INTER_AREA)
        for crop in crops
    ]
    return np.stack(flows).reshape(len(crops), -1, 2)


def _places(size: int, geometry: CropGeometry) -> np.ndarray:
    """Middles of the cells in face units, float64 [cells, 2] (x, y), row by row."""
    middles = (np.arange(size // CELL) + 0.5) * CELL / size
    columns, rows = np.meshgrid(middles, middles)
    shares = np.stack([columns.ravel(), rows.ravel()], axis=-1)
    return (shares - (0.5, geometry.height)) / geometry.distance


def _in_eye(places: np.ndarray) -> np.ndarray:
    """Bool [cells]: which lie around a pupil."""
    apart = np.stack([places - (side, 0.0) for side in (-0.5, 0.5)])
    return (((apart / _EYE) ** 2).sum(axis=-1) < 1).any(axis=0)


def _without_head(flow: np.ndarray, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The flow less a similarity for each frame.

    Fitted by iteratively reweighted least squares (Cauchy weights), so that cells where the
    skin moves count little.
    """
    x, y = places.T.astype(np.float32)
    one, zero = np.ones_like(x), np.zeros_like(x)
    # u = a + c x - d y, v = b + c y + d x.
    design = np.stack(
        [np.stack([one, zero, x, -y], axis=-1), np.stack([zero, one, y, x], axis=-1)], axis=1
    )
    squares = np.einsum("nci,ncj->nij", design, design)
    trust = np.broadcast_to(weights, flow.shape[:2])
    rest = flow
    for _ in range(_ROUNDS):
        left = np.einsum("kn,nij->kij", trust, squares)
        right = np.einsum("kn,nci,knc->ki", trust, design, flow, optimize=True)
        fitted = np.linalg.solve(left, right[..., None])[..., 0]
        rest = flow - np.einsum("nci,ki->knc", design, fitted)
        length = np.linalg.norm(rest, axis=-1)
        usual = np.median(length[:, weights > 0], axis=1, keepdims=True) + np.float32(1e-6)
        trust = weights / (1 + (length / (1.5 * usual)) ** 2)
    return rest


def _blinks(crops: np.ndarray, geometry: CropGeometry) -> bool:
    """Whether a lid hides an eye in some frame, or hides it less than at onset.

    The onset's eye is looked for around its place, so that a moving head is no blink.
    """
    size = crops.shape[1]
    half = (_OPENING * np.array(geometry.distance * size)).astype(int) + 1
    for side in (-0.5, 0.5):
        x, y = np.round(geometry.to_crop(np.array([side, 0.0])) * size).astype(int)
        rows = slice(max(_REACH, y - half[1]), y + half[1])
        columns = slice(max(_REACH, x - half[0]), x + half[0])
        eye = crops[0, rows, columns]
        around = np.s_[
            rows.start - _REACH : rows.stop + _REACH, columns.start - _REACH : columns.stop + _REACH
        ]
        for crop in crops[1:]:
            alike = cv2.matchTemplate(crop[around], eye, cv2.TM_CCOEFF_NORMED)
            if alike.max() < _SAME_EYE:
                return True
    return False
