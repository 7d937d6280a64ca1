"""Poses are similarity transforms; landmarks lie where a face has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_builders.simulation.anatomy import REST, Anatomy, Pose

poses = st.builds(
    Pose,
    x=st.floats(100, 300),
    y=st.floats(100, 300),
    unit=st.floats(20, 150),
    roll=st.floats(-1, 1),
)


@given(poses, poses, st.floats(-2, 2), st.floats(-2, 2))
def test_matrix_to_takes_a_face_point_from_pose_to_pose(first, second, x, y):
    point = np.array([x, y])
    pixel = np.append(first.to_pixels(point), 1.0)
    np.testing.assert_allclose(first.matrix_to(second) @ pixel, second.to_pixels(point), atol=1e-6)


def test_roll_is_clockwise_in_the_image():
    # y points down: a quarter turn takes the image's right (1, 0) to down (0, 1).
    turned = Pose(0.0, 0.0, 10.0, np.pi / 2)
    np.testing.assert_allclose(turned.to_pixels(np.array([1.0, 0.0])), [0.0, 10.0], atol=1e-9)


def test_the_pupils_are_one_unit_apart():
    left, right = REST.to_pixels(np.array([[0.5, 0.0], [-0.5, 0.0]]))
    assert np.linalg.norm(left - right) == pytest.approx(REST.unit)


def test_landmarks_follow_the_order_of_a_face():
    points = Anatomy().landmarks()
    order = [
        *("forehead_inner", "brow_inner", "lid_upper", "lid_lower"),
        *("cheek", "nose_wing", "lip_upper", "lip_corner", "lip_lower", "chin"),
    ]
    heights = [points[name][1] for name in order]
    assert heights == sorted(heights)
    assert all(x >= 0 for x, _ in points.values())


def test_landmarks_move_with_the_proportions():
    wide = Anatomy(mouth_width=0.5, mouth_height=1.2).landmarks()
    assert wide["lip_corner"] == (0.5, 1.2)
    assert wide["brow_inner"] == Anatomy().landmarks()["brow_inner"]
