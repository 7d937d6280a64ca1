"""Golden pixels: whoever changes what the builders compute has to raise PIXELS_VERSION.

The numbers are means over the quarters of a clip's flow and crops; other CPUs and versions of
OpenCV differ in the last digits, another crop or another flow differs by more.
"""

import dataclasses

import cv2
import drawn_films
import numpy as np
import pytest

from data_builders.database import cache, pipeline
from data_builders.database.pipeline import BuildOptions
from data_builders.pixels import apex
from data_builders.simulation.options import SimulatedOptions
from data_builders.sources import simulated

CLIPS = {"colour": 0, "grey": -1}
VERSION = 5
"""The PIXELS_VERSION that these numbers are of."""

FLOW = {
    # Mean of |u|, |v| in percent of the width, and of the strain.
    ("colour", "tvl1"): (
        ((0.0093, 0.0117, 0.0191), (0.0144, 0.0163, 0.0192)),
        ((0.0107, 0.0134, 0.0147), (0.1431, 0.0224, 0.0212)),
    ),
    ("colour", "farneback"): (
        ((0.0148, 0.0186, 0.0162), (0.0172, 0.0268, 0.0194)),
        ((0.0513, 0.0455, 0.0177), (0.1808, 0.0794, 0.0423)),
    ),
    ("grey", "dis"): (
        ((0.0174, 0.0167, 0.0061), (0.0216, 0.0124, 0.0061)),
        ((0.0461, 0.2970, 0.0343), (0.0587, 0.2549, 0.0326)),
    ),
}
ONSET = {
    # Mean of R, G, B in grey levels.
    "colour": (
        ((179.94, 144.12, 112.25), (169.73, 135.95, 105.93)),
        ((153.09, 126.28, 103.99), (148.44, 121.61, 99.32)),
    ),
    "grey": (
        ((171.85, 171.85, 171.85), (158.03, 158.03, 158.03)),
        ((150.44, 150.44, 150.44), (137.98, 137.98, 137.98)),
    ),
}
CHANGE = {
    # Mean of |apex - onset| in grey levels.
    "colour": (
        ((2.088, 1.798, 1.543), (2.563, 2.152, 1.841)),
        ((1.536, 1.381, 1.289), (2.052, 1.856, 1.689)),
    ),
    "grey": (
        ((3.057, 3.057, 3.057), (1.909, 1.909, 1.909)),
        ((2.304, 2.304, 2.304), (2.077, 2.077, 2.077)),
    ),
}
CHANGED = "pixels differ: raise cache.PIXELS_VERSION and write the new numbers down here"


def quarters(pixels):
    """Means [2, 2, channels] over the quarters of pixels [H, W, channels]."""
    half = len(pixels) // 2
    cells = pixels[: 2 * half, : 2 * half].astype(np.float64)
    return cells.reshape(2, half, 2, half, -1).mean(axis=(1, 3))


def drawn(name, **options):
    """The pixels of a drawn clip; by default as the builders compute them by default."""
    clip = simulated.list_clips(SimulatedOptions()).tasks[CLIPS[name]]
    return pipeline.compute(clip.motion, BuildOptions(**options))


def test_the_numbers_are_of_this_version():
    assert cache.PIXELS_VERSION == VERSION


@pytest.mark.skipif(
    int(cv2.__version__.split(".")[0]) < 5,
    reason="OpenCV 4 draws these films a grey level apart, which moves landmarks by a pixel",
)
@pytest.mark.parametrize(("name", "method"), FLOW)
def test_pixels_are_those_of_the_version(name, method):
    pixels = drawn(name, flow_method=method)
    onset, apex = pixels.onset_image.astype(float), pixels.apex_image.astype(float)
    same = (
        np.allclose(quarters(np.abs(pixels.flow)), FLOW[name, method], rtol=0.05, atol=0.002)
        and np.allclose(quarters(onset), ONSET[name], atol=0.3)
        and np.allclose(quarters(np.abs(apex - onset)), CHANGE[name], atol=0.03)
    )
    assert same, CHANGED


def test_a_change_of_the_crop_would_be_noticed():
    wider = drawn("colour", flow_method="farneback", margin=0.01)
    onset = wider.onset_image.astype(float)
    assert not np.allclose(quarters(onset), ONSET["colour"], atol=0.3)


def test_a_name_follows_version_options_and_inputs_and_not_the_text_of_code(monkeypatch):
    assert cache.fingerprint({"options": [1, 2.5, None]})[:12] == "cfb22432c196"
    monkeypatch.setattr(cache, "PIXELS_VERSION", VERSION + 1)
    assert cache.fingerprint({"options": [1, 2.5, None]})[:12] != "cfb22432c196"


def test_the_apex_found_is_that_of_the_version():
    options = dataclasses.replace(drawn_films.OPTIONS, fps=50.0)
    film = drawn_films.DrawnFilm(drawn_films.clips(options)[0].motion)
    found = apex.find(film.frames())
    assert found.number == 146, CHANGED
    assert np.allclose(found.curve[::4], (0, 0.588, 1.005, 0.369, 0.014), atol=0.05), CHANGED
