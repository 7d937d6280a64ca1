"""Drawn faces: they look different where people differ, and have texture to see motion by."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import retinaface

from data_builders.simulation.anatomy import FRAME_SIZE, REST
from data_builders.simulation.canvas import Canvas
from data_builders.simulation.drawing import draw_face, head_outline
from data_builders.simulation.people import draw_person

GROUPS = ("White", "Black", "Asian", "Indian", "Others")


def person(ethnicity: str, seed: int = 0):
    return draw_person(np.random.default_rng(seed), ethnicity, 1.0)


@pytest.fixture(scope="module")
def faces():
    return {group: draw_face(person(group)) for group in GROUPS}


def test_drawing_is_deterministic_and_individual(faces):
    np.testing.assert_array_equal(draw_face(person("Asian")), faces["Asian"])
    other = draw_face(person("Asian", seed=1))
    assert np.abs(other.astype(int) - faces["Asian"].astype(int)).mean() > 2.0


@pytest.mark.parametrize("group", GROUPS)
def test_the_detector_finds_the_drawn_eyes_and_mouth(faces, group):
    (face,) = retinaface.detect_faces(faces[group])
    assert face.score >= 0.99
    anatomy = person(group).anatomy
    wide, line = anatomy.mouth_width, anatomy.mouth_height
    drawn = REST.to_pixels(np.array([[-0.5, 0], [0.5, 0], [-wide, line], [wide, line]]))
    found = np.array([(point.x, point.y) for point in face.landmarks])
    for point in drawn:
        # A tenth of the pupils' distance, twice the jitter seen on real faces.
        assert np.linalg.norm(found - point, axis=1).min() < 0.12 * REST.unit


@pytest.mark.parametrize("group", GROUPS)
def test_the_cheek_has_texture(faces, group):
    grey = cv2.cvtColor(faces[group], cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 3.0)
    column, row = np.round(REST.to_pixels(np.array([0.6, 0.5]))).astype(int)
    # Above the sensor noise of 1.5 grey levels, or flow would follow the noise.
    assert fine[row - 15 : row + 15, column - 15 : column + 15].std() > 1.5


def test_skin_and_eyes_have_the_persons_colours():
    someone = dataclasses.replace(person("White"), skin=(0.9, 0.6, 0.3), light=0.0)
    face = draw_face(someone)
    column, row = np.round(REST.to_pixels(np.array([0.35, 0.5]))).astype(int)
    red, green, blue = face[row - 10 : row + 10, column - 10 : column + 10].mean(axis=(0, 1))
    assert red / green == pytest.approx(1.5, rel=0.1)
    assert red / blue == pytest.approx(3.0, rel=0.15)
    column, row = np.round(REST.to_pixels(np.array([0.5, 0.0]))).astype(int)
    assert face[row, column].max() < 60  # the pupil


def test_the_head_lies_within_the_frame():
    for seed in range(20):
        anatomy = person(GROUPS[seed % 5], seed).anatomy
        outline = REST.to_pixels(head_outline(anatomy))
        assert outline.min() > 20
        assert outline.max() < FRAME_SIZE - 20
        canvas = Canvas(np.zeros((FRAME_SIZE, FRAME_SIZE, 3), np.float32), REST)
        inside = canvas.mask(head_outline(anatomy)) > 0.5
        for x, y in anatomy.landmarks().values():
            column, row = np.round(REST.to_pixels(np.array([x, y]))).astype(int)
            assert inside[row, column]
