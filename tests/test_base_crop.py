"""Faces, simulator and face regions mean the same crop."""

import dataclasses

import numpy as np
import pytest

from data_builders.database.ensure import ensure
from data_builders.database.pipeline import BuildOptions
from data_builders.pixels import faces
from data_builders.pixels.detection import Face
from data_builders.simulation.anatomy import Anatomy
from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from data_builders.sources import simulated
from ethnicmer_jax.base import crop
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.data import dataset

PUPILS = np.array([[-0.5, 0.0], [0.5, 0.0]])
CELLS = 28
ONE_CLIP = SimulatedOptions(cohorts=parse_cohorts("a:Asian:1"), clips_per_subject=1.0)


@dataclasses.dataclass(frozen=True)
class Knowing:
    """A detector that is told where the pupils are."""

    pupils: np.ndarray

    def detect(self, image):
        """See `Detector.detect`."""
        return (Face((100, 100, 200, 200), 1.0, self.pupils),)


def portraits():
    """A clip of each person of the default cast."""
    clips = {clip.labels.person: clip for clip in simulated.list_clips(SimulatedOptions()).tasks}
    return [clip.motion for clip in clips.values()]


def error(portrait, margin, exact):
    """By how many cells of 28 the pupils miss their places in the crop: float [2, 2]."""
    spec = portrait.spec
    frame, pupils = portrait.frame(spec.onset), spec.pose.to_pixels(PUPILS)
    detector = Knowing(pupils) if exact else None
    pair = faces.crop_pair(frame, frame, faces.FaceOptions(margin=margin), detector=detector)
    # OpenCV's pixel centres lie on integers.
    shares = (np.column_stack([pupils, [1, 1]]) @ pair.transform.T + 0.5) / len(pair.onset)
    return CELLS * (shares - CropGeometry.of_margin(margin).to_crop(PUPILS))


@pytest.mark.parametrize("margin", [crop.MARGIN, 0.1, 0.3])
def test_pupils_lie_where_the_geometry_says(margin):
    for portrait in portraits()[::7]:
        assert np.abs(error(portrait, margin, exact=True)).max() < 0.1


@pytest.mark.parametrize("margin", [crop.MARGIN, 0.3])
def test_pupils_that_the_detector_finds_lie_there_within_a_twentieth_of_their_distance(margin):
    # A detector errs by some pixels on each face, but not to one side.
    errors = [error(portrait, margin, exact=False) for portrait in portraits()[::3]]
    distance = CELLS * CropGeometry.of_margin(margin).distance
    assert np.abs(np.mean(errors, axis=0)).max() < 0.05 * distance


def test_a_crop_reaches_from_the_brows_to_the_chin():
    brows, chin = -crop.ABOVE, crop.BELOW
    geometry = CropGeometry.of_margin()
    np.testing.assert_allclose(geometry.to_crop(np.array([0.0, brows]))[1], 0, atol=1e-12)
    np.testing.assert_allclose(geometry.to_crop(np.array([0.0, chin]))[1], 1)
    landmarks = Anatomy().landmarks()
    for name in ("brow_inner", "brow_middle", "brow_outer", "lip_corner", "lip_lower", "chin"):
        shares = geometry.to_crop(np.array(landmarks[name]))
        assert ((shares > 0) & (shares < 1)).all(), name


def test_pupils_lie_where_the_public_flow_has_them():
    # Read off the optical strain of 278 public clips.
    geometry = CropGeometry.of_margin()
    assert (geometry.distance, geometry.height) == pytest.approx((0.47, 0.235), abs=0.002)


def test_there_is_one_default_margin():
    assert faces.FaceOptions().margin == BuildOptions().margin == crop.MARGIN
    assert BuildOptions().faces().geometry == CropGeometry.of_margin()


def test_middle_and_sides_in_face_units_are_those_of_the_crop():
    geometry = CropGeometry.of_margin(0.2)
    np.testing.assert_allclose(geometry.to_crop(geometry.centre), 0.5)
    corner = geometry.centre + geometry.half_side
    np.testing.assert_allclose(geometry.to_crop(corner), 1.0)


@pytest.mark.parametrize(
    ("changes", "geometry"),
    [
        ({}, CropGeometry.of_margin()),
        ({"margin": 0.25}, CropGeometry.of_margin(0.25)),
        ({"align": False}, None),
        ({"detector": "none"}, None),
    ],
)
def test_a_database_records_the_geometry_of_its_crops(tmp_path, changes, geometry):
    options = BuildOptions(flow_method="dis", crop_size=64, image_size=16, workers=1, **changes)
    clips = dataset.load(ensure("simulated", "", tmp_path, options, ONE_CLIP))
    assert clips.crop == clips.select([0]).crop == geometry


def test_a_database_of_flow_files_does_not_know_its_crops(tmp_path):
    np.save(tmp_path / "f.npy", np.random.default_rng(0).normal(size=(8, 8, 3)))
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("database,subject,clip,emotion,flow\nlab,1,1,anger,f.npy\n")
    assert dataset.load(ensure("manifest", str(manifest), tmp_path)).crop is None
