"""How the skin has moved since the onset, frame by frame, without what the head did."""

from __future__ import annotations

import cv2
import numpy as np

from data_builders.pixels import stabilise
from ethnicmer_jax.base.crop import CropGeometry

CELL = 8
"""Side in pixels of the cells over which flow is averaged."""

_SAME_EYE = 0.88
"""Correlation with the onset's eye below which a lid has covered it."""

_OPENING = np.array([0.22, 0.14])
"""Half width and height of the part of the eye that is compared, in eye distances."""

_REACH = 4
"""How far a head may have moved since the onset, pixels of the crop."""


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
    places = stabilise.places(crops.shape[1] // CELL, geometry)
    rigid, on_face = stabilise.rigid(places), stabilise.on_face(places)
    moved = _without_head(cell_flow(crops), places, rigid)
    counts = rigid if _blinks(crops, geometry) else on_face
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


def _without_head(flow: np.ndarray, places: np.ndarray, rigid: np.ndarray) -> np.ndarray:
    """The flow less a similarity for each frame, float32 [frames, cells, 2]."""
    motion = stabilise.head_motion(flow, places, rigid)
    shift = motion[:, :1] + motion[:, 1:] * (places[:, 0] + 1j * places[:, 1])
    return flow - np.stack([shift.real, shift.imag], axis=-1).astype(np.float32)


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
