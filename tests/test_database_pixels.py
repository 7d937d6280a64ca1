"""Golden pixels: whoever changes what the builders compute has to raise PIXELS_VERSION.

The numbers are means over the quarters of a clip's flow and crops; other CPUs and versions of
OpenCV differ in the last digits, another crop or another flow differs by more.
"""

import numpy as np
import pytest

from data_builders.database import cache, pipeline
from data_builders.database.pipeline import BuildOptions
from data_builders.simulation.options import SimulatedOptions
from data_builders.sources import simulated

CLIPS = {"colour": 0, "grey": -1}
VERSION = 2
"""The PIXELS_VERSION that these numbers are of."""

FLOW = {
    # Mean of |u|, |v| in percent of the width, and of the strain.
    ("colour", "tvl1"): (
        ((0.0209, 0.0791, 0.0178), (0.0183, 0.1503, 0.0182)),
        ((0.0934, 0.1027, 0.0151), (0.1170, 0.1797, 0.0164)),
    ),
    ("colour", "farneback"): (
        ((0.0179, 0.0622, 0.0135), (0.0145, 0.1039, 0.0176)),
        ((0.0381, 0.0484, 0.0082), (0.0644, 0.0790, 0.0193)),
    ),
    ("grey", "dis"): (
        ((0.1920, 0.3171, 0.0295), (0.0933, 0.2016, 0.0197)),
        ((0.5666, 0.2718, 0.0567), (0.1750, 0.2597, 0.0452)),
    ),
}
ONSET = {
    # Mean of R, G, B in grey levels.
    "colour": (
        ((118.67, 105.37, 93.22), (116.22, 103.25, 91.38)),
        ((142.90, 129.70, 117.87), (140.48, 126.71, 114.59)),
    ),
    "grey": (
        ((135.67, 135.67, 135.67), (129.55, 129.55, 129.55)),
        ((142.59, 142.59, 142.59), (136.69, 136.69, 136.69)),
    ),
}
CHANGE = {
    # Mean of |apex - onset| in grey levels.
    "colour": (
        ((1.315, 1.157, 1.055), (1.583, 1.387, 1.167)),
        ((0.955, 0.854, 0.862), (1.198, 1.140, 1.064)),
    ),
    "grey": (
        ((2.088, 2.088, 2.088), (1.535, 1.535, 1.535)),
        ((1.187, 1.187, 1.187), (1.137, 1.137, 1.137)),
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
    wider = drawn("colour", flow_method="farneback", margin=0.11)
    onset = wider.onset_image.astype(float)
    assert not np.allclose(quarters(onset), ONSET["colour"], atol=0.3)


def test_a_name_follows_version_options_and_inputs_and_not_the_text_of_code(monkeypatch):
    assert cache.fingerprint({"options": [1, 2.5, None]})[:12] == "ebdc6da16bbf"
    monkeypatch.setattr(cache, "PIXELS_VERSION", VERSION + 1)
    assert cache.fingerprint({"options": [1, 2.5, None]})[:12] != "ebdc6da16bbf"
