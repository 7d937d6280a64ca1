"""The parts that are cut out hold eyes and mouth corners, wherever a margin has put these."""

import numpy as np
import pytest

from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.models.backbones import face_parts


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("side", [28, 56, 112])
def test_eyes_and_mouth_corners_are_within_their_part(margin, side):
    marks = np.zeros((1, side, side, 4), np.float32)
    places = [(x * s, y) for s in (-1, 1) for x, y in (face_parts.EYE, face_parts.MOUTH_CORNER)]
    for channel, place in enumerate(places):
        column, row = np.floor(CropGeometry.of_margin(margin).to_crop(place) * side).astype(int)
        marks[0, row, column, channel] = 1
    made = np.asarray(face_parts.assemble(marks, margin))
    assert made.shape == marks.shape
    half = side // 2
    for channel in range(4):
        above, left = 0 if channel < 2 else half, 0 if channel % 2 == 0 else half
        assert made[0, above : above + half, left : left + half, channel].sum() == 1


def test_parts_are_those_around_the_landmarks_of_the_published_network():
    """HTNet's code falls back to these landmarks (px of 28) where it detects none."""
    published = [[(9.5, 11.1), (10.3, 22.1)], [(21.4, 10.9), (20.6, 22.3)]]
    published = np.clip(np.array(published)[..., ::-1], 7, 21).astype(int) - 7
    assert np.abs(face_parts.corners(28, 0.0) - published).max() <= 4
