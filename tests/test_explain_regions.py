"""Regions lie where the drawn face has its parts, and shares are shares."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_builders.simulation.anatomy import Anatomy
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.explain import regions

SIZE = 28
OURS = CropGeometry.of_margin()

PARTS = {
    "brows": ("brow_inner", "brow_middle", "brow_outer"),
    "eyes": ("lid_upper", "lid_lower", "eye_outer"),
    "nose": ("nose_wing", "nose_root"),
    "cheeks": ("cheek",),
    "mouth": ("lip_corner", "lip_upper", "lip_lower"),
    "chin": ("chin", "jaw"),
}


def test_regions_are_disjoint_and_symmetric():
    masks = regions.masks(SIZE, OURS)
    assert masks.shape == (6, SIZE, SIZE)
    assert masks.min() >= 0
    assert masks.sum(0).max() <= 1 + 1e-6
    np.testing.assert_allclose(masks, masks[:, :, ::-1], atol=1e-6)


@pytest.mark.parametrize(("region", "landmark"), [(r, m) for r, of in PARTS.items() for m in of])
def test_every_landmark_of_the_drawn_face_lies_in_its_region(region, landmark):
    masks = regions.masks(280, OURS)
    point = np.array(Anatomy().landmarks()[landmark])
    for side in (1, -1):
        column, row = (OURS.to_crop(point * (side, 1)) * 280).astype(int)
        assert regions.REGIONS[masks[:, row, column].argmax()] == region


def test_pupils_lie_where_the_crop_puts_them():
    # The crop is 2.13 eye distances wide, and reaches .5 of one above the pupils.
    left, right = OURS.to_crop(np.array([[-0.5, 0.0], [0.5, 0.0]]))
    assert right[0] - left[0] == pytest.approx(1 / 2.13)
    assert left[1] == pytest.approx(0.5 / 2.13)


def test_every_region_shows_in_the_crop():
    # The chin is cut by the crop's lower edge: a strip of 3 cells of 28 is the least.
    areas = dict(zip(regions.REGIONS, regions.masks(SIZE, OURS).sum((1, 2)), strict=True))
    assert min(areas.values()) > 40, areas


def test_all_of_a_map_that_lies_on_the_mouth_is_the_mouths():
    maps = np.zeros((3, SIZE, SIZE), np.float32)
    column, row = (OURS.to_crop(np.array([0.0, 1.1])) * SIZE).astype(int)
    maps[0, row, column] = 5
    maps[1] = -1
    maps[1, row, column] = 0.1
    found = regions.masses(maps, OURS)
    assert dict(zip(regions.REGIONS, found[0], strict=True))["mouth"] == pytest.approx(1)
    np.testing.assert_allclose(found[1], found[0])
    assert np.isnan(found[2]).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1e3))
def test_masses_are_shares_whatever_the_scale(seed, scale):
    maps = np.random.default_rng(seed).normal(size=(2, SIZE, SIZE)).astype(np.float32)
    found = regions.masses(maps, OURS)
    assert (found >= 0).all()
    assert (found.sum(1) <= 1 + 1e-5).all()
    np.testing.assert_allclose(regions.masses(maps * np.float32(scale), OURS), found, rtol=1e-4)


def test_a_face_that_moves_as_a_whole_does_not_move():
    flow = np.zeros((1, SIZE, SIZE, 3), np.float32)
    flow[..., 0] = 3
    assert not regions.motion(flow, SIZE).any()
    flow[0, 4, 5, 1] = 2
    assert np.unravel_index(regions.motion(flow, SIZE)[0].argmax(), (SIZE, SIZE)) == (4, 5)
