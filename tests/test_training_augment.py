"""Augmentation of flow against fields whose change is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ethnicmer_jax.training import augment
from ethnicmer_jax.training.augment import Ranges

MOVED = jax.jit(augment.moved)
AUGMENTED = jax.jit(augment.augmented, static_argnums=2)
KEY = jax.random.key(3)
NOISE = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)


def constant(u, v, strain=1.0, batch=1, size=8):
    """The same motion everywhere, float32 [batch, size, size, 3]."""
    return jnp.broadcast_to(jnp.float32([u, v, strain]), (batch, size, size, 3))


def moved(flow, degrees=0.0, zoom=1.0, shift=(0.0, 0.0)):
    batch = len(flow)
    angle = jnp.full(batch, np.radians(degrees), jnp.float32)
    shifts = jnp.tile(jnp.float32(shift), (batch, 1))
    return np.asarray(MOVED(jnp.asarray(flow), angle, jnp.full(batch, zoom), shifts))


def random(flow=NOISE, key=KEY, **ranges):
    return np.asarray(AUGMENTED(key, jnp.asarray(flow), Ranges(**ranges)))


def test_a_quarter_turn_takes_motion_to_the_right_into_motion_down():
    np.testing.assert_allclose(moved(constant(1, 0), 90), constant(0, 1), atol=1e-6)
    np.testing.assert_allclose(moved(constant(0, 1), 90), constant(-1, 0), atol=1e-6)


def test_a_quarter_turn_turns_the_grid_as_it_turns_vectors():
    # From right to down: clockwise on the screen.
    grid = np.rot90(NOISE, -1, axes=(1, 2))
    expected = np.stack([-grid[..., 1], grid[..., 0], grid[..., 2]], -1)
    np.testing.assert_allclose(moved(NOISE, 90), expected, atol=1e-5)


def test_a_turn_and_the_turn_back_are_nothing_away_from_the_rim():
    y, x = np.mgrid[:28, :28] / 28
    smooth = np.stack([np.sin(3 * x + y), np.cos(2 * y - x), x * y], -1).astype(np.float32)[None]
    back = moved(moved(smooth, 10), -10)
    np.testing.assert_allclose(back[:, 6:-6, 6:-6], smooth[:, 6:-6, 6:-6], atol=5e-3)


def test_a_turned_expansion_is_the_same_expansion():
    # u = x, v = y from the centre, which no turn changes.
    place = np.arange(9, dtype=np.float32) - 4
    field = np.stack([*np.meshgrid(place, place), np.zeros((9, 9))], -1).astype(np.float32)[None]
    inside = moved(field, 30)[:, 2:-2, 2:-2]
    np.testing.assert_allclose(inside, field[:, 2:-2, 2:-2], atol=1e-5)


def test_a_shift_moves_the_grid_and_no_vector():
    found = moved(NOISE, shift=(2, 1))
    np.testing.assert_allclose(found[:, 1:, 2:], NOISE[:, :-1, :-2], atol=1e-6)
    # What comes in is the flow of the rim.
    np.testing.assert_allclose(found[:, 1:, 0], NOISE[:, :-1, 0], atol=1e-6)


def test_a_larger_face_moves_further_and_strains_as_before():
    np.testing.assert_allclose(moved(constant(1, -2, 3), zoom=1.5), constant(1.5, -3, 3), rtol=1e-6)
    one = np.zeros((1, 9, 9, 3), np.float32)
    one[0, 4, 6, 2] = 1
    larger = moved(one, zoom=2.0)
    assert np.unravel_index(larger[0, ..., 2].argmax(), (9, 9)) == (4, 8)


def test_amplitude_is_one_factor_for_all_motion_of_an_example():
    ratio = random(amplitude=1.0) / NOISE
    of_each = ratio.reshape(4, -1)
    np.testing.assert_allclose(of_each, np.tile(of_each[:, :1], 192), rtol=1e-5)
    assert len(set(of_each[:, 0].tolist())) == 4
    assert ((of_each > 0.5) & (of_each < 2)).all()


def test_noise_has_its_standard_deviation():
    added = random(np.zeros((8, 28, 28, 3), np.float32), noise=0.3)
    assert added.std() == pytest.approx(0.3, rel=0.02)
    assert abs(added.mean()) < 0.01


def test_a_region_without_motion_is_a_square_of_its_place_and_size():
    still = augment.hidden(
        constant(1, 1, 1, batch=2), jnp.float32([[0, 0], [2, 4]]), jnp.float32([0, 3])
    )
    expected = np.ones((2, 8, 8, 3), np.float32)
    expected[1, 4:7, 2:5] = 0
    np.testing.assert_array_equal(still, expected)


def test_random_regions_are_as_large_as_allowed_at_most_and_anywhere():
    zero = random(np.ones((500, 8, 8, 3), np.float32), region=0.5)[..., 0] == 0
    assert 0 < zero.sum((1, 2)).max() <= 16
    assert zero.any(0).all()


EACH = {
    "rotation": 5.0, "zoom": 0.1, "translation": 0.1, "amplitude": 0.2, "noise": 0.1, "region": 0.5,
}  # fmt: skip


def test_examples_differ_from_each_other_and_keys_repeat_them():
    same = np.tile(NOISE[:1], (4, 1, 1, 1))
    found = random(same, **EACH)
    assert np.isfinite(found).all()
    assert len({image.tobytes() for image in found}) == 4
    np.testing.assert_array_equal(found, random(same, **EACH))
    assert not np.array_equal(found, random(same, key=jax.random.key(4), **EACH))


def test_every_range_is_used():
    like = jax.ShapeDtypeStruct(NOISE.shape, NOISE.dtype)
    key = jax.eval_shape(lambda: KEY)
    programs = {
        str(jax.make_jaxpr(lambda k, x, r=r: augment.augmented(k, x, r))(key, like))
        for r in (Ranges(), *(Ranges(**{name: value}) for name, value in EACH.items()))
    }
    assert len(programs) == 1 + len(EACH)


def test_ranges_of_zero_change_nothing():
    np.testing.assert_array_equal(random(), NOISE)
    np.testing.assert_allclose(moved(NOISE), NOISE, atol=1e-6)
