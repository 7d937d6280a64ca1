import dataclasses

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data import inputs

UNIT = np.array(["percent_of_width"])


def clip(*values):
    """A clip of 1×k px with the values in every channel."""
    return np.repeat(np.float32(values).reshape(1, 1, -1, 1), 3, axis=3)


def scaled(values, scaling):
    return inputs.scaled_flow(clip(*values), UNIT, scaling)[0, 0, :, 0].tolist()


def test_minmax_puts_the_ends_at_minus_one_and_one():
    assert scaled([-2, 0, 6], "minmax") == [-1, -0.5, 1]


def test_median_puts_the_still_face_at_zero():
    # Median 0, range 8: half of it is the unit.
    assert scaled([-2, 0, 6], "median") == [-0.5, 0, 1.5]


def test_rms_puts_the_still_face_at_zero_and_the_usual_motion_at_one():
    # Median 0; the mean square of 0, 0, 0, 2, -6 is 40 / 5 = 8.
    found = scaled([0, 0, 2, 0, -6], "rms")
    assert found == pytest.approx([0, 0, 2 / 8**0.5, 0, -6 / 8**0.5], rel=1e-6)


def test_none_leaves_displacements_and_centres_images():
    assert scaled([-2, 0, 6], "none") == [-2, 0, 6]
    centred = inputs.scaled_flow(clip(0, 0.5, 1), np.array(["normalised"]), "none")
    assert centred[0, 0, :, 0].tolist() == [-1, 0, 1]


@pytest.mark.parametrize("scaling", ["minmax", "median", "rms"])
def test_a_clip_without_motion_is_zero_and_finite(scaling):
    assert scaled([3, 3, 3], scaling) == [0, 0, 0]


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(["minmax", "median", "rms"]), st.integers(0, 10**6), st.floats(0.1, 50))
def test_a_clip_is_scaled_by_itself_alone(scaling, seed, factor):
    flow = np.random.default_rng(seed).normal(size=(3, 4, 4, 3)).astype(np.float32)
    units = np.repeat(UNIT, 3)
    together = inputs.scaled_flow(flow, units, scaling)
    alone = inputs.scaled_flow(flow[1:2], UNIT, scaling)
    assert np.array_equal(together[1:2], alone)
    longer = inputs.scaled_flow(flow[1:2] * np.float32(factor), UNIT, scaling)
    np.testing.assert_allclose(longer, alone, atol=1e-5)


def test_units_cannot_be_mixed_unscaled():
    flow = np.zeros((2, 2, 2, 3), np.float32)
    with pytest.raises(UserError, match="differ in flow unit"):
        inputs.scaled_flow(flow, np.array(["percent_of_width", "normalised"]), "none")


def test_mirroring_exchanges_sides_and_turns_horizontal_motion():
    flow = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    flipped = inputs.mirrored(flow, "flow")
    assert flipped[0, 0, 0].tolist() == [-3, 4, 5]
    assert np.array_equal(inputs.mirrored(flipped, "flow"), flow)
    assert inputs.mirrored(flow, "apex")[0, 0, 0].tolist() == [3, 4, 5]
    assert flow[0, 0, 0].tolist() == [0, 1, 2]


def test_shrinking_averages_areas():
    pixels = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1).repeat(3, axis=3)
    # The mean of 0, 1, 4 and 5 is 2.5.
    assert inputs.resized(pixels, 2)[0, 0, 0].tolist() == [2.5] * 3
    assert inputs.resized(pixels, 4) is pixels
    assert inputs.resized(pixels, 8).shape == (1, 8, 8, 3)


def test_apex_frames_are_normalised_as_imagenet():
    data = worlds.world(size=2)
    frames = np.full((len(data), 4, 4, 3), 255, np.uint8)
    pixels = inputs.images(dataclasses.replace(data, apex_image=frames), "apex", "minmax", 4)
    # (1 - .485) / .229 for red.
    np.testing.assert_allclose(pixels[0, 0, 0], [2.2489, 2.4286, 2.64], atol=1e-3)
    assert pixels.dtype == np.float32


def test_flow_is_brought_to_the_size_asked_for():
    data = worlds.world()
    assert inputs.images(data, "flow", "minmax", 14).shape == (len(data), 14, 14, 3)


@pytest.mark.parametrize(
    ("which", "scaling", "reason"),
    [
        ("apex", "minmax", "this database comes without frames"),
        ("onset", "minmax", "input 'onset' is not known"),
        ("flow", "zscore", "data.flow_scaling 'zscore'"),
    ],
)
def test_a_wrong_input_is_refused(which, scaling, reason):
    with pytest.raises(UserError, match=reason):
        inputs.images(worlds.world(size=2), which, scaling, 2)
