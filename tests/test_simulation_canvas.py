"""The painter: areas, blending, windows and shading with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from data_builders.simulation.anatomy import Pose
from data_builders.simulation.canvas import Canvas, ellipse, smooth_outline

SIZE = 120
POSE = Pose(59.5, 59.5, 30.0)


def canvas(value: float = 0.0) -> Canvas:
    return Canvas(np.full((SIZE, SIZE, 3), value, np.float32), POSE)


def test_a_mask_covers_its_outline():
    # An ellipse of half axes 1 and .5 units of 30 px: area pi * 30 * 15, perimeter 145 px.
    # OpenCV's antialiased fill also draws the edge, up to a pixel beyond it.
    mask = canvas().mask(ellipse(0.2, -0.1, 1.0, 0.5, 128), 0.02)
    assert np.pi * 30 * 15 <= mask.sum() <= np.pi * 30 * 15 + 145
    assert mask.min() >= 0.0
    assert mask.max() <= 1.0
    rows, columns = np.indices(mask.shape)
    centre = [(mask * axis).sum() / mask.sum() for axis in (columns, rows)]
    np.testing.assert_allclose(centre, POSE.to_pixels(np.array([0.2, -0.1])), atol=0.6)


def test_fill_blends_by_mask_and_opacity():
    painted = canvas(0.2)
    painted.fill(np.full((SIZE, SIZE), 0.5, np.float32), (1.0, 0.2, 0.0), opacity=0.5)
    np.testing.assert_allclose(painted.image[0, 0], [0.4, 0.2, 0.15], atol=1e-6)


def test_painting_in_a_window_is_painting_on_the_frame():
    shape = ellipse(0.4, 0.3, 0.3, 0.2)
    whole, part = canvas(), canvas()
    whole.fill(whole.mask(shape), (1.0, 0.5, 0.2))
    window = part.window(0.4, 0.3, 0.5, 0.4)
    window.fill(window.mask(shape), (1.0, 0.5, 0.2))
    assert window.image.size < part.image.size
    assert part.image.max() > 0.9
    np.testing.assert_allclose(part.image, whole.image, atol=1e-6)


def test_a_window_over_the_edge_is_cut():
    painted = canvas()
    window = painted.window(-2.0, 0.0, 0.5, 0.5)
    window.fill(window.mask(ellipse(-2.0, 0.0, 0.3, 0.3)), (1.0, 1.0, 1.0))
    assert painted.image[60, 0].min() > 0.9
    assert painted.image[60, 30].max() == 0.0


def test_bumps_are_gaussians():
    # exp(-1/2) of its height one standard deviation away; two bumps add.
    values = canvas().bumps([(0.0, 0.0, 0.5, 0.25, 2.0), (0.0, 0.0, 0.5, 0.25, 1.0)])
    column, row = 59.5 + 0.5 * 30, 59.5 + 0.25 * 30
    assert values[59:61, 59:61].mean() == pytest.approx(3.0, rel=0.01)
    across = np.interp(column, np.arange(SIZE), values[59:61].mean(0))
    along = np.interp(row, np.arange(SIZE), values[:, 59:61].mean(1))
    assert across == pytest.approx(3.0 * np.exp(-0.5), rel=0.02)
    assert along == pytest.approx(3.0 * np.exp(-0.5), rel=0.02)


def test_scale_multiplies_brightness():
    painted = canvas(0.5)
    painted.scale(np.full((SIZE, SIZE), 0.5))
    np.testing.assert_allclose(painted.image, 0.25)


def test_a_smooth_outline_passes_near_its_points_and_closes():
    points = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)]
    curve = smooth_outline(points, 400)
    for point in points:
        assert np.linalg.norm(curve - point, axis=1).min() < 0.01
    steps = np.linalg.norm(np.diff(np.vstack([curve, curve[:1]]), axis=0), axis=1)
    assert steps.max() < 3 * steps.mean()
