"""Candidates in made-up motion whose peaks are known."""

import itertools

import numpy as np
import pytest

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.predict.spotting import intervals
from ethnicmer_jax.predict.spotting.options import SpotOptions
from ethnicmer_jax.predict.spotting.windows import PATCHES, Motion, Window

RATE = 50.0
PATTERN = np.zeros((PATCHES**2, 2))
PATTERN[[18, 19, 20, 26, 27, 28]] = (0.6, -0.8)


def bump(seconds, onset, rise, fall, hold=0.0):
    """0 before and after, 1 at the apex, as half cosines."""
    up = np.clip((seconds - onset) / rise, 0, 1)
    down = np.clip((onset + rise + hold + fall - seconds) / fall, 0, 1)
    return 0.5 - 0.5 * np.cos(np.pi * np.minimum(up, down))


def motion(curve, rate=RATE, noise=0.05, gaps=(), seed=0):
    """Windows in which the skin has moved along PATTERN as a curve [frames] says."""
    hop, rng = round(rate), np.random.default_rng(seed)
    moved = curve[:, None, None] * PATTERN
    windows = []
    for start in range(0, len(curve), hop):
        if start // hop not in gaps:
            part = moved[start : start + 2 * hop] - moved[start]
            part = part + noise * rng.normal(size=part.shape)
            windows.append(Window(start, part.astype(np.float16)))
    seen = np.array([frame // hop not in gaps for frame in range(len(curve))])
    return Motion(np.arange(len(curve)), rate, hop, tuple(windows), seen)


def times(seconds, rate=RATE):
    return np.arange(round(seconds * rate)) / rate


@pytest.mark.parametrize("rate", [25.0, 30.0, 50.0, 60.0])
def test_known_peaks_are_found_with_onset_apex_and_offset(rate):
    t = times(12, rate)
    curve = bump(t, 2.0, 0.16, 0.14) + 0.8 * bump(t, 5.5, 0.10, 0.20) + bump(t, 9.0, 0.2, 0.2)
    found = intervals.spot(motion(curve, rate), rate, SpotOptions()).intervals
    assert [one.apex / rate for one in found] == pytest.approx([2.16, 5.60, 9.20], abs=0.045)
    assert [one.onset / rate for one in found] == pytest.approx([2.0, 5.5, 9.0], abs=0.06)
    assert [one.offset / rate for one in found] == pytest.approx([2.3, 5.8, 9.4], abs=0.06)


def test_numbers_are_those_of_the_recording():
    t = times(6)
    made = motion(bump(t, 3.0, 0.15, 0.15))
    slow = intervals.spot(made, RATE, SpotOptions()).intervals
    thinned = Motion(1000 + 4 * made.numbers, *list(vars(made).values())[1:])
    fast = intervals.spot(thinned, 4 * RATE, SpotOptions()).intervals
    assert [one.apex for one in fast] == [1000 + 4 * one.apex for one in slow]
    assert [one.onset for one in fast] == pytest.approx(
        [1000 + 4 * one.onset for one in slow], abs=2
    )


@pytest.mark.parametrize("name", ["noise", "drift", "step", "long", "fast sway"])
def test_what_is_no_short_movement_there_and_back_is_no_candidate(name):
    t = times(12)
    curve = {
        "noise": 0 * t,
        "drift": 3 * t,
        "step": 4 * bump(t, 4.0, 0.2, 0.2, hold=20),
        "long": 4 * bump(t, 4.0, 0.3, 0.3, hold=0.8),
        "fast sway": 2 * np.sin(2 * np.pi * 4 * t),  # in series, as speech
    }[name]
    assert intervals.spot(motion(curve), RATE, SpotOptions()).intervals == ()


def test_a_face_that_is_perfectly_still_has_no_candidate():
    found = intervals.spot(motion(0 * times(8), noise=0.0), RATE, SpotOptions())
    assert found.intervals == ()
    assert np.nanmax(found.curve) == 0.0


def test_gaps_are_not_judged_and_the_rest_is():
    t = times(12)
    curve = bump(t, 2.0, 0.15, 0.15) + bump(t, 6.6, 0.15, 0.15) + bump(t, 10.0, 0.15, 0.15)
    found = intervals.spot(motion(curve, gaps=(5, 6, 7)), RATE, SpotOptions())
    assert [round(one.apex / RATE) for one in found.intervals] == [2, 10]
    assert np.isnan(found.curve[round(6.75 * RATE)])
    assert 0.2 < found.unseen < 0.35


def test_every_frame_is_judged_by_one_window():
    found = intervals.spot(motion(0 * times(7.3)), RATE, SpotOptions())
    lag = round(SpotOptions().half * RATE)
    judged = ~np.isnan(found.curve)
    assert judged.all()
    assert (found.curve[:lag] == 0).all()
    assert (found.curve[lag:-lag] > 0).all()


def test_candidates_do_not_overlap_and_are_in_order():
    rng = np.random.default_rng(3)
    t = times(60)
    curve = sum(bump(t, at, 0.12, 0.15) for at in np.sort(rng.uniform(1, 58, 25)))
    found = intervals.spot(motion(curve, noise=0.02), RATE, SpotOptions(alone=0.0)).intervals
    assert len(found) > 5
    for one in found:
        assert one.onset < one.apex < one.offset
    for one, other in itertools.pairwise(found):
        assert one.offset <= other.onset


def test_a_recording_shorter_than_an_expression_says_nothing():
    found = intervals.spot(motion(0 * times(0.2)), RATE, SpotOptions())
    assert found.intervals == ()
    assert np.isnan(found.curve).all()


@pytest.mark.parametrize(
    "wrong", [{"threshold": 0}, {"half": -1}, {"longest": 0.05}, {"returns": 2}, {"alone": -1}]
)
def test_an_option_out_of_range_is_refused(wrong):
    with pytest.raises(UserError, match="spotting"):
        SpotOptions(**wrong)


def test_fast_recordings_are_thinned_out():
    steps = {fps: SpotOptions().step(fps) for fps in (24, 25, 30, 50, 60, 100, 120, 200)}
    assert steps == {24: 1, 25: 1, 30: 1, 50: 1, 60: 1, 100: 2, 120: 2, 200: 4}
