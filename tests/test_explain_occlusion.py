"""Occlusion of functions whose every pixel's part is known."""

import jax.numpy as jnp
import numpy as np

from ethnicmer_jax.explain import occlusion
from ethnicmer_jax.explain.views import View

VIEW = View("final", "emotion")


def test_the_map_peaks_where_the_function_looks():
    size = 40
    weights = np.zeros((size, size, 1), np.float32)
    weights[30, 10] = 1
    image = np.zeros((2, size, size, 1), np.float32)
    image[:, 30, 10, 0] = (2, -1)

    def score(inputs):
        return {"final": (inputs["emotion"] * weights).sum((1, 2, 3))}

    found = occlusion.maps(score, {"emotion": jnp.asarray(image)}, [VIEW])[VIEW]
    assert found.shape == (2, occlusion.STEPS, occlusion.STEPS)
    # Cells are 4 px: the pixel is in row 7, column 2. Covering it costs 2, and gains 1.
    assert found[0, 7, 2] == found[0].max() > 0
    assert found[1, 7, 2] == found[1].min() < 0
    # Squares are 10 px wide: no square over a cell 10 px and more away reaches the pixel.
    far = np.abs(np.arange(occlusion.STEPS) * 4 + 2 - 30) > 14
    assert not found[0][far].any()


def test_a_branch_is_occluded_by_itself():
    image = np.random.default_rng(0).random((3, 28, 28, 3), np.float32)
    inputs = {"emotion": jnp.asarray(image), "ethnic": jnp.asarray(image)}

    def score(given):
        both = given["emotion"].sum((1, 2, 3))
        return {"final": both, "ethnic": given["ethnic"].sum((1, 2, 3))}

    views = [VIEW, View("final", "ethnic"), View("ethnic", "ethnic")]
    found = occlusion.maps(score, inputs, views)
    assert not found[View("final", "ethnic")].any()
    np.testing.assert_array_equal(found[View("ethnic", "ethnic")], found[VIEW])


def test_covering_shows_what_does_not_move():
    image = jnp.asarray(np.random.default_rng(0).random((2, 9, 9, 3), np.float32))
    everywhere = np.ones((9, 9), bool)
    covered = occlusion.cover(image, occlusion.nothing(image), everywhere)
    expected = np.median(np.asarray(image), axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(covered, np.broadcast_to(expected, image.shape))
