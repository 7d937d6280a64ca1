"""Films of clips: every frame a function of time, and the true motion of head and skin."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from data_builders.simulation import film, nuisance
from data_builders.simulation.anatomy import FRAME_SIZE
from data_builders.simulation.nuisance import Blink, Nuisance
from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from data_builders.simulation.scenario import ClipSpec, draw_clips, draw_subjects

COHORTS = parse_cohorts("sim:Asian:1,grey:White:1:grey")
AXIS = np.arange(FRAME_SIZE, dtype=np.float64)


def plan(**changes: object) -> list[ClipSpec]:
    options = SimulatedOptions(cohorts=COHORTS, **changes)
    return [spec for subject in draw_subjects(options) for spec in draw_clips(options, subject)]


def disturbed(spec: ClipSpec, **changes: object) -> ClipSpec:
    return dataclasses.replace(spec, nuisance=Nuisance(**changes))


def eyes(frame: np.ndarray, spec: ClipSpec) -> np.ndarray:
    """The squares around both pupils."""
    return np.stack(
        [
            frame[y - 12 : y + 12, x - 12 : x + 12]
            for x, y in np.round(spec.pose.to_pixels(np.array([[-0.5, 0], [0.5, 0]]))).astype(int)
        ]
    ).astype(float)


SPEC = plan()[0]
GREY = plan()[-1]


def test_what_disturbs_a_clip_changes_nothing_else_of_it():
    still = plan()
    noisy = plan(blinks=1.0, head_sway=0.5, lighting=5.0)
    assert len(still) == len(noisy)
    for before, after in zip(still, noisy, strict=True):
        assert after != before
        assert dataclasses.replace(after, nuisance=nuisance.NONE) == before


@pytest.mark.parametrize("fps", [25, 30, 60, 100])
def test_another_frame_rate_shows_the_same_time(fps):
    for fast, slow in zip(plan(), plan(fps=float(fps)), strict=True):
        assert slow.movements == fast.movements
        for first, second in (("onset", "apex"), ("apex", "offset")):
            frames, seconds = (
                (getattr(spec, second) - getattr(spec, first)) / scale
                for spec, scale in ((slow, 1), (fast, fast.fps))
            )
            # Rounded to a frame, and at least one.
            assert frames == pytest.approx(seconds * fps, abs=0.5) or frames == 1


def test_without_a_moving_head_the_displacement_is_the_skins():
    still = dataclasses.replace(SPEC, apex_pose=SPEC.pose)
    for number in (still.onset, still.apex, still.offset):
        np.testing.assert_allclose(
            film.displacement(still, number), film.skin_displacement(still, number), atol=1e-4
        )


def test_sway_moves_the_head_and_not_the_skin():
    swaying = disturbed(SPEC, sway=((1.0, 0.5, 2.0, 1.0, 0.0, 0.0),))
    number = SPEC.apex
    seconds = (number - SPEC.onset) / SPEC.fps
    expected = np.sin(2 * np.pi * seconds + 0.5) - np.sin(0.5)
    np.testing.assert_array_equal(
        film.skin_displacement(swaying, number), film.skin_displacement(SPEC, number)
    )
    added = film.displacement(swaying, number) - film.displacement(SPEC, number)
    np.testing.assert_allclose(added[..., 0], 2.0 * expected, atol=0.02)
    np.testing.assert_allclose(added[..., 1], 1.0 * expected, atol=0.02)
    np.testing.assert_array_equal(film.displacement(swaying, SPEC.onset), 0)


def test_frames_move_as_the_displacement_says():
    swaying = disturbed(SPEC, sway=((1.0, 0.5, 6.0, 4.0, 2.0, 2.0),))
    onset, later = (film.film(swaying, n, 0.0).astype(np.float32) for n in (SPEC.onset, SPEC.apex))
    moved = film.displacement(swaying, SPEC.apex)
    there = np.dstack(np.meshgrid(AXIS, AXIS)).astype(np.float32) + moved
    back = cv2.remap(later, there, None, cv2.INTER_CUBIC)
    inner = np.s_[60:340, 60:340]
    assert np.abs(back[inner] - onset[inner]).mean() < 1.0
    assert np.abs(later[inner] - onset[inner]).mean() > 3.0


def test_a_blink_closes_the_eyes_for_its_time_and_touches_nothing_else():
    spec = dataclasses.replace(SPEC, apex_pose=SPEC.pose, movements=())
    blinking = disturbed(spec, blinks=(Blink(start=0.02, duration=0.1, depth=1.0),))
    change = []
    for number in range(spec.onset, spec.onset + 25, 2):
        calm, blink = (film.film(clip, number, 0.0).astype(float) for clip in (spec, blinking))
        change.append(np.abs(eyes(blink, spec) - eyes(calm, spec)).mean())
        below = np.s_[round(spec.pose.y + 0.3 * spec.pose.unit) :]
        np.testing.assert_array_equal(blink[below], calm[below])
    assert change[:3] == [0] * 3
    assert change[12] == 0
    # Closed after 40% of its time: 0.06 s, frame 12; the lid goes down faster than up.
    assert int(np.argmax(change)) == 6
    assert change[6] > 5


def test_blinks_come_as_often_as_asked():
    specs = plan(blinks=2.0, clips_per_subject=150.0, clips_spread=0.0)
    inside = [sum(0 <= blink.start < 2 for blink in spec.nuisance.blinks) for spec in specs]
    # Poisson of mean 4, about 300 clips: standard error .12.
    assert np.mean(inside) == pytest.approx(4.0, abs=0.5)
    assert all(not spec.nuisance.blinks for spec in plan())


def test_light_changes_over_time_and_across_the_frame():
    brighter = disturbed(SPEC, light=(0.5, 0.4, 0.0))
    seconds = (SPEC.apex - SPEC.onset) / SPEC.fps
    dark, light = (film.film(spec, SPEC.apex, 0.0).astype(float) for spec in (SPEC, brighter))
    ratio = light[:150].mean(axis=(0, 2)) / dark[:150].mean(axis=(0, 2))
    expected = 1 + seconds * (0.5 + 0.4 * np.linspace(-0.5, 0.5, FRAME_SIZE))
    np.testing.assert_allclose(ratio, expected, atol=0.015)  # hair is dark: rounded to levels
    onsets = [film.film(spec, SPEC.onset, 0.0) for spec in (SPEC, brighter)]
    np.testing.assert_array_equal(*onsets)


@pytest.mark.parametrize("spec", [SPEC, GREY])
def test_jpeg_leaves_its_traces_and_the_picture(spec):
    clean, fine, coarse = (
        film.film(spec, spec.apex, 0.0, quality).astype(float) for quality in (0, 95, 30)
    )
    errors = [np.abs(frame - clean).mean() for frame in (fine, coarse)]
    assert 0 < errors[0] < errors[1] < 6
    assert (coarse[..., 0] == coarse[..., 2]).all() == spec.subject.cohort.grey
