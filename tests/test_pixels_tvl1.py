"""TV-L1 in JAX against scikit-image's, known motions, and itself in other company."""

import cv2
import jax
import numpy as np
import pytest
from test_pixels_flow import INNER, SIZE, grid, moved, texture

from benchmarks.skimage_flow import by_skimage
from data_builders.pixels import flow, tvl1

SMALL = 24
"""One level of the pyramid: compiled fast."""


def pairs(count, size=SMALL):
    x, y = grid(size)
    onsets = np.stack([texture(seed, size) for seed in range(count)])
    shifts = np.random.default_rng(1).uniform(-1.5, 1.5, (count, 2))
    apexes = [moved(f, x - u, y - v) for f, (u, v) in zip(onsets, shifts, strict=True)]
    return onsets, np.stack(apexes)


def errors(uv, other):
    """End-point error [H, W], pixels."""
    return np.linalg.norm(uv - other, axis=-1)


@pytest.mark.parametrize("shape", [(128, 128), (51, 70)])
def test_it_is_the_flow_of_scikit_image(shape):
    # On 41 face crops of 224 px, within the face: median 1.3e-6 px, 99% 1.1e-5, maximum .002.
    onset = texture(3)
    x, y = grid()
    bump = 3.0 * np.exp(-((x + 8) ** 2 + (y + 20) ** 2) / (2 * 15.0**2))
    apex = moved(onset, x - bump, y + bump / 2)
    onset, apex = (np.ascontiguousarray(f[: shape[0], : shape[1]]) for f in (onset, apex))
    found, expected = flow.compute(onset, apex), by_skimage(onset, apex)
    assert np.abs(expected).max() > 2.0
    error = errors(found, expected)
    assert np.median(error) < 2e-5
    assert np.quantile(error, 0.99) < 1e-3


def test_a_change_of_brightness_moves_little_and_as_much_as_scikit_image_says():
    onset = texture(4)
    x, y = grid()
    brighter = cv2.convertScaleAbs(moved(onset, x - 1, y + 0.5), alpha=1.02, beta=1)
    found = flow.compute(onset, brighter)
    assert np.median(errors(found, by_skimage(onset, brighter))) < 2e-5
    assert np.median(errors(found, np.array([1.0, -0.5]))[INNER]) < 0.2


def test_frames_without_texture_or_motion_do_not_move():
    flat = np.full((1, SMALL, SMALL), 77, np.uint8)
    np.testing.assert_array_equal(tvl1.solve_many(flat, flat), 0.0)
    onset = texture(5, SMALL)[None]
    np.testing.assert_array_equal(tvl1.solve_many(onset, onset), 0.0)


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_the_flow_of_a_pair_does_not_depend_on_its_company(monkeypatch, backend):
    # Batches as on a GPU are computed here by the CPU, to the same rule.
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(tvl1, "TOGETHER", 4)
    onsets, apexes = pairs(6)
    together = tvl1.solve_many(onsets, apexes)
    assert together.shape == (6, SMALL, SMALL, 2)
    assert together.dtype == np.float32
    for threads, chosen in ((1, [4]), (2, [5, 3, 0, 1, 2]), (3, [2, 2, 1])):
        alone = tvl1.solve_many(onsets[chosen], apexes[chosen], threads)
        np.testing.assert_array_equal(alone, together[chosen])


def test_pairs_side_by_side_and_one_by_one_agree():
    onsets, apexes = pairs(4)
    side_by_side = np.asarray(tvl1.solve(onsets, apexes))
    assert np.quantile(errors(side_by_side, tvl1.solve_many(onsets, apexes)), 0.99) < 1e-4


@pytest.mark.parametrize("method", flow.METHODS)
def test_every_frame_of_a_clip_against_its_onset_in_one_call(method):
    onset = texture(6, SIZE if method == "dis" else SMALL)
    x, y = grid(len(onset))
    frames = np.stack([moved(onset, x - share, y) for share in (0.0, 0.5, 1.0)])
    found = flow.compute_from(onset, frames, method)
    for frame, uv in zip(frames, found, strict=True):
        np.testing.assert_array_equal(uv, flow.compute(onset, frame, method))
    with pytest.raises(ValueError, match="differ in shape"):
        flow.compute_from(onset[1:], frames, method)


@pytest.mark.parametrize(
    ("onsets", "apexes", "message"),
    [
        (np.zeros((0, 8, 8), np.uint8), np.zeros((0, 8, 8), np.uint8), "must be"),
        (np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8), "must be"),
        (np.zeros((2, 8, 8), np.uint8), np.zeros((1, 8, 8), np.uint8), "must be"),
        (np.zeros((1, 8, 8)), np.zeros((1, 8, 8)), "must be uint8"),
    ],
)
def test_unusable_stacks_are_refused(onsets, apexes, message):
    with pytest.raises(ValueError, match=message):
        flow.compute_many(onsets, apexes)
