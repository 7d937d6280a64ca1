"""Figures are drawn whatever is undefined in them."""

import numpy as np
import pytest

from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.explain import figures


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("groups", [("asian",), ("asian", "non_asian")])
@pytest.mark.parametrize("defined", [0, 1])
def test_average_maps_of_groups_without_clips_are_drawn(groups, defined):
    means = np.full((2, len(groups), 28, 28), np.nan)
    means[:defined, 0] = 1 / 28**2
    counts = np.isfinite(means).all((2, 3)) * 1234
    figure = figures.average_maps(
        means, counts, ["all", "negative"], groups, CropGeometry.of_margin(), name="n", caption="c"
    )
    assert "<svg" in figure.svg
    assert "nan" not in figure.svg


def test_a_map_that_is_nowhere_positive_leaves_the_picture_grey():
    image = np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    laid = figures.overlay(image, np.full((4, 4), -1.0, np.float32))
    np.testing.assert_array_equal(laid[..., 0], laid[..., 2])
