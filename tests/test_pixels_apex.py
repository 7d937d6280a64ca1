"""The apex finder: what it finds on films whose apex is known, and what it says of its doubts."""

import dataclasses

import drawn_films
import numpy as np
import pytest

from data_builders.pixels import apex, faces, skin_motion
from data_builders.simulation.nuisance import Blink, Nuisance
from ethnicmer_jax.base.crop import CropGeometry

GEOMETRY = CropGeometry.of_margin(0.0)


def cropped(task, **nuisance):
    """Small crops of a drawn clip's frames, and the true apex's position."""
    spec = task.motion.spec
    if nuisance:
        spec = dataclasses.replace(spec, nuisance=Nuisance(**nuisance))
    film = drawn_films.DrawnFilm(dataclasses.replace(task.motion, spec=spec))
    eyes = spec.pose.to_pixels(np.array([[-0.5, 0.0], [0.5, 0.0]]))
    half = GEOMETRY.distance / 2 * apex.SIZE
    a = 2 * half / (eyes[1] - eyes[0]).dot([1, 1j])
    target = apex.SIZE * (0.5 - GEOMETRY.distance / 2 + 1j * GEOMETRY.height)
    b = target - a * eyes[0].dot([1, 1j])
    matrix = np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
    crops = [faces.warp(frame, matrix, apex.SIZE)[..., 1] for _, frame in film.frames()]
    return np.stack(crops), spec.apex - spec.onset


@pytest.fixture(scope="module")
def tasks():
    return drawn_films.clips()


def found(crops):
    return apex.of_crops(crops, GEOMETRY, range(len(crops)))


def test_the_apex_of_drawn_films_is_found(tasks):
    for task in (tasks[0], tasks[-1]):
        result = apex.find(drawn_films.DrawnFilm(task.motion).frames())
        assert abs(result.number - task.labels.apex) <= 2
        assert result.numbers == tuple(range(task.labels.onset, task.labels.offset + 1))
        assert result.curve.shape == (len(result.numbers),)
        assert 0 <= result.confidence <= 1
        assert abs(result.curve[0]) < 1e-9
        assert result.curve[result.index] == pytest.approx(1.0, abs=0.1)


def test_blinks_sway_and_light_do_not_hide_it(tasks):
    sway = ((1.3, 0.4, 1.5, 1.0, 0.5, 0.5),)
    blinks = (Blink(start=0.02, duration=0.15, depth=1.0),)
    crops, true = cropped(tasks[1], sway=sway, blinks=blinks, light=(0.3, 0.3, -0.3))
    assert abs(found(crops).index - true) <= 2


def test_a_head_that_only_moves_moves_no_skin(tasks):
    still = dataclasses.replace(tasks[0].motion.spec, movements=())
    swaying = dataclasses.replace(tasks[0].motion, spec=still)
    crops, _ = cropped(
        dataclasses.replace(tasks[0], motion=swaying), sway=((1.3, 0.4, 3.0, 2.0, 1.0, 1.0),)
    )
    skin = np.linalg.norm(skin_motion.of_crops(crops, GEOMETRY), axis=-1)
    seen = np.linalg.norm(skin_motion.cell_flow(crops), axis=-1)
    assert np.median(seen[-1]) > 0.5
    assert np.median(skin[-1]) < 0.2 * np.median(seen[-1])


def test_a_blink_takes_the_eyes_out(tasks):
    calm, _ = cropped(tasks[0])
    blinking, _ = cropped(tasks[0], blinks=(Blink(start=0.02, duration=0.15, depth=1.0),))
    counted = [
        (np.abs(skin_motion.of_crops(crops, GEOMETRY)).sum(axis=(0, 2)) > 0).sum()
        for crops in (calm, blinking)
    ]
    assert counted[0] - counted[1] > 8


def test_the_curve_follows_the_common_pattern():
    rng = np.random.default_rng(0)
    strength = np.sin(np.linspace(0, np.pi, 41))
    pattern = rng.normal(size=(50, 2))
    moved = strength[:, None, None] * pattern + 0.05 * rng.normal(size=(41, 50, 2))
    moved[0] = 0
    common = apex.together(moved)
    assert common.curve[0] == 0
    assert np.corrcoef(common.curve, strength)[0, 1] > 0.99
    # Its length is that of the pattern: the root of the sum of squares over the cells.
    assert common.curve.max() == pytest.approx(np.linalg.norm(pattern), rel=0.05)
    assert common.coherence[20] > 0.95
    np.testing.assert_allclose(apex.together(-moved).curve, common.curve, rtol=1e-6, atol=1e-9)


def test_what_goes_steadily_through_the_clip_is_not_the_pattern():
    rng = np.random.default_rng(1)
    there_and_back, steady = rng.normal(size=(2, 50, 2))
    time = np.linspace(0, 1, 41)[:, None, None]
    moved = np.sin(np.pi * time) * there_and_back + 3 * time * steady
    common = apex.together(moved)
    assert abs(int(np.argmax(common.smooth)) - 20) <= 3
    # The steady part is most of the motion by then: doubtful.
    assert apex.confidence(common, 20) < 0.5


def test_confidence_grows_with_coherence_and_falls_with_the_number_of_frames():
    def sure(coherence, frames):
        flat = np.ones(frames)
        return apex.confidence(apex.CommonMotion(flat, flat, coherence * flat), 1)

    assert sure(0.5, 50) < sure(0.9, 50) < sure(0.99, 50) < 1
    assert sure(0.9, 100) < sure(0.9, 10)
    assert sure(0.0, 50) < 0.01
    assert sure(1.0, 50) > 0.99


def test_frames_without_any_motion_give_no_confidence():
    still = np.full((20, apex.SIZE, apex.SIZE), 128, np.uint8)
    result = found(still)
    assert result.confidence < 0.5
    assert np.isfinite(result.curve).all()


def test_two_frames_are_enough_and_one_is_not(tasks):
    crops, true = cropped(tasks[0])
    assert found(crops[[0, true]]).index == 1
    frames = iter([(5, tasks[0].motion.frame(tasks[0].labels.onset))])
    with pytest.raises(ValueError, match="two frames or more, not in 1"):
        apex.find(frames)


def test_frames_of_another_size_are_refused(tasks):
    frame = tasks[0].motion.frame(tasks[0].labels.onset)
    with pytest.raises(ValueError, match="frame 8 is 400×399 and the onset 400×400"):
        apex.find([(7, frame), (8, frame[1:])])
