"""What the head does is taken out of the flow; what the skin does stays."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_builders.pixels import flow, stabilise
from data_builders.simulation import motion
from data_builders.simulation.anatomy import Anatomy, Pose
from data_builders.simulation.drawing import REST, draw_face
from data_builders.simulation.motion import Movement
from data_builders.simulation.people import draw_person
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.base.schema import ActionUnit

SIZE = 112
GEOMETRY = CropGeometry.of_margin()
UNIT = SIZE * GEOMETRY.distance
"""Pixels per eye distance."""
AXIS = np.arange(SIZE, dtype=float)


def expression(*codes):
    """The skin motion of Action Units on a crop: float32 [SIZE, SIZE, 2], 2.6% of UNIT."""
    x, y = GEOMETRY.to_crop(np.zeros(2)) * SIZE - 0.5
    movements = [Movement(ActionUnit.from_code(code), 2.6) for code in codes]
    return motion.field(Anatomy(), Pose(x, y, UNIT), movements, AXIS, AXIS)


def head(right, down, scale, turn):
    """A similarity about the crop's middle as an affine matrix: float64 [2, 3]."""
    return cv2.getRotationMatrix2D(((SIZE - 1) / 2,) * 2, turn, scale) + np.array(
        [[0, 0, right], [0, 0, down]]
    )


def on_moving_head(skin, matrix):
    """Flow of skin that moves on a head that moves."""
    start = np.dstack(np.meshgrid(AXIS, AXIS)).astype(np.float32)
    return cv2.transform(start + skin, matrix) - start


def rms(field):
    return float(np.sqrt((field**2).sum(-1).mean()))


def test_no_motion_stays_none():
    still = np.zeros((2, SIZE, SIZE, 2), np.float32)
    for kind in stabilise.KINDS:
        np.testing.assert_array_equal(stabilise.without_head(still, GEOMETRY, kind), still)


def test_none_touches_nothing():
    uv = expression("12")[None]
    assert stabilise.without_head(uv, GEOMETRY, "none") is uv


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="unknown stabilisation 'affine'"):
        stabilise.without_head(np.zeros((1, SIZE, SIZE, 2), np.float32), GEOMETRY, "affine")


@settings(max_examples=30, deadline=None)
@given(
    right=st.floats(-4, 4),
    down=st.floats(-4, 4),
    scale=st.floats(0.96, 1.04),
    turn=st.floats(-3, 3),
    codes=st.sampled_from(
        [(), ("1", "2"), ("4", "7"), ("6", "12"), ("L12",), ("14",), ("25", "26")]
    ),
)
def test_any_similarity_is_taken_out_and_the_expression_stays(right, down, scale, turn, codes):
    skin = expression(*codes) if codes else np.zeros((SIZE, SIZE, 2), np.float32)
    seen = on_moving_head(skin, head(right, down, scale, turn))
    found = stabilise.without_head(seen[None], GEOMETRY, "similarity")[0]
    assert rms(found - skin) < max(0.2 * rms(skin), 1e-3)


@pytest.mark.parametrize("kind", ["translation", "similarity"])
def test_an_expression_of_a_still_head_is_kept(kind):
    for codes in (("6", "12"), ("1", "2"), ("4",), ("15", "17"), ("25", "26")):
        skin = expression(*codes)
        kept = stabilise.without_head(skin[None], GEOMETRY, kind)[0]
        assert rms(kept - skin) < 0.25 * rms(skin), codes


def test_a_translation_leaves_turns_and_nearing():
    seen = on_moving_head(np.zeros((SIZE, SIZE, 2), np.float32), head(2.0, -1.0, 1.0, 0.0))
    assert rms(stabilise.without_head(seen[None], GEOMETRY, "translation")[0]) < 1e-3
    turned = on_moving_head(np.zeros((SIZE, SIZE, 2), np.float32), head(0.0, 0.0, 1.0, 2.0))
    assert rms(stabilise.without_head(turned[None], GEOMETRY, "translation")[0]) > 1.0


def test_strain_of_a_head_that_comes_nearer_is_taken_out():
    nearer = on_moving_head(np.zeros((SIZE, SIZE, 2), np.float32), head(0.0, 0.0, 1.03, 0.0))
    assert flow.optical_strain(nearer).mean() > 0.03
    still = stabilise.without_head(nearer[None], GEOMETRY, "similarity")[0]
    assert flow.optical_strain(still).max() < 1e-4


def test_a_warped_picture_of_a_face_does_not_move():
    frame = draw_face(draw_person(np.random.default_rng(0), "Asian", 1.0))
    half = GEOMETRY.half_side * REST.unit
    x, y = REST.to_pixels(GEOMETRY.centre)
    crop = frame[round(y - half) : round(y + half), round(x - half) : round(x + half)]
    onset = cv2.cvtColor(cv2.resize(crop, (SIZE, SIZE)), cv2.COLOR_RGB2GRAY)
    apex = cv2.warpAffine(
        onset, head(0.8, -0.6, 1.006, 0.4), (SIZE, SIZE), None,
        cv2.INTER_CUBIC, cv2.BORDER_REPLICATE,
    )  # fmt: skip
    uv = flow.compute(onset, apex, "dis")
    assert rms(uv) > 0.9
    still = stabilise.without_head(uv[None], GEOMETRY, "similarity")[0]
    assert np.median(np.linalg.norm(still, axis=-1)) < 0.05


def test_a_pair_does_not_depend_on_the_others():
    rng = np.random.default_rng(0)
    pairs = np.stack([on_moving_head(expression("12"), head(*rng.normal(size=2), 1.01, 1.0))] * 3)
    pairs[1] += rng.normal(size=pairs[1].shape).astype(np.float32)
    together = stabilise.without_head(pairs, GEOMETRY, "similarity")
    alone = [stabilise.without_head(pair[None], GEOMETRY, "similarity")[0] for pair in pairs]
    np.testing.assert_array_equal(together, alone)
