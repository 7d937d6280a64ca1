"""Fields of Action Units: size, sides, symmetry, direction, and the inverse warp."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_builders.simulation import motion
from data_builders.simulation.anatomy import FRAME_SIZE, REST, Anatomy, Pose
from data_builders.simulation.motion import PULLS, Movement
from ethnicmer_jax.base.schema import ActionUnit

FACE = Anatomy()
AXIS = np.arange(FRAME_SIZE, dtype=float)


def field(code: str, amplitude: float = 3.0, pose: Pose = REST) -> np.ndarray:
    movements = [Movement(ActionUnit.from_code(code), amplitude)]
    return motion.field(FACE, pose, movements, AXIS, AXIS)


def at(values: np.ndarray, landmark: str, sign: int = 1, pose: Pose = REST) -> np.ndarray:
    x, y = FACE.landmarks()[landmark]
    column, row = np.round(pose.to_pixels(np.array([sign * x, y]))).astype(int)
    return values[row, column]


@pytest.mark.parametrize("number", PULLS)
def test_the_peak_is_the_amplitude(number):
    # 3% of the pupils' distance, 78 px: 2.34 px. Pulls may add up a little between centres.
    peak = np.linalg.norm(field(str(number)), axis=-1).max()
    assert 0.98 * 2.34 <= peak <= 1.2 * 2.34


@pytest.mark.parametrize("number", PULLS)
def test_both_sides_move_as_mirror_images_and_are_the_sum_of_one_sided_ones(number):
    both, left, right = (field(f"{side}{number}") for side in ("", "L", "R"))
    np.testing.assert_allclose(both[:, ::-1] * (-1, 1), both, atol=1e-4)
    np.testing.assert_allclose(left[:, ::-1] * (-1, 1), right, atol=1e-4)
    # FACS sides are the subject's: L is the image's right.
    assert np.abs(left[:, 220:]).sum() > 2 * np.abs(left[:, :180]).sum()


# (AU, where, component of (u, v) on the image's right, its sign): the FACS descriptions.
@pytest.mark.parametrize(
    ("code", "landmark", "component", "sign"),
    [
        ("1", "brow_inner", 1, -1),
        ("2", "brow_outer", 1, -1),
        ("4", "brow_inner", 1, 1),
        ("4", "brow_inner", 0, -1),
        ("5", "lid_upper", 1, -1),
        ("7", "lid_lower", 1, -1),
        ("6", "cheek", 1, -1),
        ("9", "nose_wing", 1, -1),
        ("10", "lip_upper", 1, -1),
        ("12", "lip_corner", 1, -1),
        ("12", "lip_corner", 0, 1),
        ("14", "lip_corner", 0, 1),
        ("15", "lip_corner", 1, 1),
        ("17", "chin", 1, -1),
        ("20", "lip_corner", 0, 1),
        ("23", "lip_corner", 0, -1),
        ("24", "lip_lower", 1, -1),
        ("25", "lip_lower", 1, 1),
        ("26", "chin", 1, 1),
    ],
)
def test_directions_follow_facs(code, landmark, component, sign):
    assert sign * at(field(code), landmark)[component] > 0.5


def test_motion_turns_and_grows_with_the_head():
    turned = Pose(REST.x, REST.y, 2 * REST.unit, np.pi / 2)
    # Up (0, -v) turned clockwise by 90 degrees points to the image's right (v, 0).
    upright = at(field("1"), "brow_inner")
    x, y = FACE.landmarks()["brow_inner"]
    column, row = turned.to_pixels(np.array([x, y]))
    there = motion.field(
        FACE,
        turned,
        [Movement(ActionUnit(1), 3.0)],
        np.array([column]),
        np.array([row]),
    )[0, 0]
    assert there[0] == pytest.approx(-2 * upright[1], rel=0.05)
    assert abs(there[1]) < 0.1 * there[0]


def test_movements_add():
    together = motion.field(
        FACE,
        REST,
        [Movement(ActionUnit(6), 2.0), Movement(ActionUnit(12), 3.0)],
        AXIS,
        AXIS,
    )
    np.testing.assert_allclose(together, field("6", 2.0) + field("12", 3.0), atol=1e-4)
    assert not motion.field(FACE, REST, [], AXIS, AXIS).any()


def test_an_action_unit_without_pulls_is_refused():
    with pytest.raises(ValueError, match="cannot move AU 43"):
        field("43")


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(PULLS)), min_size=1, max_size=3, unique=True),
    st.floats(0.5, 6.0),
)
def test_resting_position_inverts_the_motion(numbers, amplitude):
    movements = [Movement(ActionUnit(number), amplitude) for number in numbers]
    axis = np.arange(0, FRAME_SIZE, dtype=float)
    moved = motion.field(FACE, REST, movements, axis, axis)
    position = motion.resting_position(moved)
    # p + d(p) must be the pixel itself; d is evaluated at p exactly, not interpolated. Three
    # iterations on a map that OpenCV reads in steps of 1/32 px leave up to some .11 px.
    rows, columns = np.mgrid[40:360:9, 40:360:9]
    for row, column in zip(rows.ravel()[::17], columns.ravel()[::17], strict=True):
        x, y = position[row, column].astype(float)
        there = motion.field(FACE, REST, movements, np.array([x]), np.array([y]))[0, 0]
        assert (x + there[0], y + there[1]) == pytest.approx((column, row), abs=0.15)
