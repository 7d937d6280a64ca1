"""Flow on textures moved by known fields; strain against its closed form."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from data_builders.pixels import flow

SIZE = 128
INNER = np.s_[16:-16, 16:-16]  # a border's motion is not observable: what moved in was unseen


def texture(seed: int = 0, size: int = SIZE) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return np.clip(128 + 45 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def grid(size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:size, :size].astype(np.float32) - np.float32((size - 1) / 2)
    return x, y


def moved(frame: np.ndarray, inverse_x: np.ndarray, inverse_y: np.ndarray) -> np.ndarray:
    """The frame after a motion whose inverse takes centred coordinates to those given."""
    centre = np.float32((frame.shape[0] - 1) / 2)
    return cv2.remap(
        frame,
        inverse_x.astype(np.float32) + centre,
        inverse_y.astype(np.float32) + centre,
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )


@pytest.mark.parametrize("method", flow.METHODS)
@pytest.mark.parametrize("shift", [(2.0, 0.0), (0.0, -1.5), (-1.0, 0.75)])
def test_translation_is_found_with_its_sign_and_axis(method, shift):
    onset = texture()
    x, y = grid()
    uv = flow.compute(onset, moved(onset, x - shift[0], y - shift[1]), method)
    assert uv.shape == (SIZE, SIZE, 2)
    assert uv.dtype == np.float32
    np.testing.assert_allclose(np.median(uv[INNER], axis=(0, 1)), shift, atol=0.15)


@pytest.mark.parametrize("method", flow.METHODS)
def test_rotation_is_found_and_has_little_strain(method):
    # A rotation by a: (x, y) -> (x cos a - y sin a, x sin a + y cos a). Its linear part
    # minus the identity has strain sqrt(2) (1 - cos a), 0.0009 at a = 0.035.
    angle = 0.035
    x, y = grid()
    cos, sin = np.cos(angle), np.sin(angle)
    onset = texture()
    uv = flow.compute(onset, moved(onset, cos * x + sin * y, cos * y - sin * x), method)
    true = np.stack([(cos - 1) * x - sin * y, sin * x + (cos - 1) * y], axis=-1)
    error = np.linalg.norm(uv - true, axis=-1)[INNER]
    assert np.median(error) < 0.2
    assert flow.optical_strain(true)[INNER].max() == pytest.approx(np.sqrt(2) * (1 - cos), rel=0.01)


# For u = a x + b y, v = c x + d y: exx = a, eyy = d, exy = (b + c) / 2.
@pytest.mark.parametrize(
    ("a", "b", "c", "d", "strain"),
    [
        (0.0, 0.0, 0.0, 0.0, 0.0),
        (0.02, 0.0, 0.0, 0.0, 0.02),  # stretch
        (0.0, 0.0, 0.0, -0.03, 0.03),  # squeeze
        (0.0, 0.04, 0.0, 0.0, 0.04 / np.sqrt(2)),  # simple shear: exy = .02, sqrt(2 exy²)
        (0.0, 0.02, 0.02, 0.0, 0.02 * np.sqrt(2)),  # pure shear
        (0.0, -0.02, 0.02, 0.0, 0.0),  # infinitesimal rotation
        (0.03, 0.0, 0.0, 0.04, 0.05),
    ],
)
def test_strain_of_linear_fields_has_its_closed_form(a, b, c, d, strain):
    x, y = grid(32)
    uv = np.stack([a * x + b * y + 1.5, c * x + d * y - 2.0], axis=-1)
    np.testing.assert_allclose(flow.optical_strain(uv), strain, atol=1e-5)


@pytest.mark.parametrize("method", flow.METHODS)
def test_a_mirrored_pair_has_the_mirrored_flow(method):
    onset = texture(3)
    x, y = grid()
    bump = 2.0 * np.exp(-((x - 20) ** 2 + (y + 10) ** 2) / (2 * 15.0**2))
    apex = moved(onset, x - bump, y + bump)
    uv = flow.compute(onset, apex, method)
    mirrored = flow.compute(onset[:, ::-1].copy(), apex[:, ::-1].copy(), method)
    expected = uv[:, ::-1] * np.array([-1, 1], np.float32)
    assert np.abs(expected).max() > 1.0
    assert np.abs(mirrored - expected)[INNER].mean() < 0.05


def test_colour_and_grey_frames_agree():
    grey = texture()
    x, y = grid()
    apex = moved(grey, x - 1, y)
    colour = [np.repeat(frame[..., None], 3, axis=-1) for frame in (grey, apex)]
    np.testing.assert_allclose(
        flow.compute(*colour, "farneback"), flow.compute(grey, apex, "farneback")
    )


def test_clip_flow_is_in_percent_of_width_whatever_the_resolution():
    for width in (96, 192):
        onset = texture(5, width)
        x, y = grid(width)
        shift = 0.02 * width  # two percent of the width
        stored = flow.clip_flow(onset, moved(onset, x - shift, y + shift / 2), "dis", size=28)
        assert stored.shape == (28, 28, 3)
        assert stored.dtype == np.float32
        u, v, strain = np.median(stored[6:-6, 6:-6], axis=(0, 1))
        assert u == pytest.approx(2.0, abs=0.15)
        assert v == pytest.approx(-1.0, abs=0.15)
        assert strain < 0.02


def test_to_record_keeps_the_mean_and_stretches_with_the_crop():
    x, y = grid(56)
    uv = np.stack([0.1 * x, 0.0 * y], axis=-1)
    stored = flow.to_record(uv, 28)
    # u runs from -2.75 to 2.75 px over 56 px of width; a cell covers 2 x 2 px.
    np.testing.assert_allclose(stored[0, :, 0], 100 / 56 * uv[0, :, 0].reshape(28, 2).mean(1), 1e-4)
    np.testing.assert_allclose(stored[..., 2], 0.1, atol=1e-5)


@pytest.mark.parametrize(
    ("onset", "apex", "method", "message"),
    [
        (np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8), "dis", "differ in shape"),
        (np.zeros((8, 8)), np.zeros((8, 8)), "dis", "uint8"),
        (np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 4), np.uint8), "dis", "RGB or"),
        (np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8), "lk", "unknown flow method"),
    ],
)
def test_unusable_frames_are_refused(onset, apex, method, message):
    with pytest.raises(ValueError, match=message):
        flow.compute(onset, apex, method)
