"""Long recordings: what happens in them, and when."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from data_builders.simulation import recording, scenario
from data_builders.simulation.anatomy import FRAME_SIZE
from data_builders.simulation.options import SimulatedOptions, parse_cohorts


def draw(seconds=28.0, micro=4, macro=2, speech=1, **changes):
    options = SimulatedOptions(cohorts=parse_cohorts("sim:Asian:1"), **changes)
    subject = next(scenario.draw_subjects(options))
    return recording.draw(options, subject, seconds, micro, macro, speech)


def test_expressions_are_as_many_and_as_long_as_asked_and_do_not_overlap():
    film = draw(fps=100.0)
    assert len(film) == 2800
    assert len(film.intervals) == 4
    for one, other in itertools.pairwise(film.events):
        assert one.offset <= other.onset + 1e-9
    for event in film.events:
        assert 0 < event.onset < event.apex <= event.held < event.offset < film.seconds
        length = event.offset - event.onset
        assert length <= 0.4 if event.micro else length > 0.15
    for onset, offset in film.intervals:
        assert 11 <= offset - onset <= 41


def test_an_expression_is_at_rest_outside_and_whole_at_its_apex():
    for event in draw().events:
        assert event.strength(event.onset) == event.strength(event.offset) == 0.0
        assert event.strength(event.onset - 1) == event.strength(event.offset + 1) == 0.0
        assert event.strength(event.apex) == event.strength(event.held) == pytest.approx(1.0)


def test_the_same_recording_at_another_frame_rate():
    slow, fast = draw(fps=25.0, blinks=0.5), draw(fps=200.0, blinks=0.5)
    assert slow.events == fast.events
    assert slow.nuisance == fast.nuisance


def test_blinks_come_over_the_whole_length():
    starts = [blink.start for blink in draw(blinks=1.0).nuisance.blinks]
    assert min(starts) < 6
    assert max(starts) > 22


def test_frames_show_the_expression_and_nothing_after_it():
    film = draw(fps=50.0, micro=1, macro=0, speech=0, seconds=4.0)
    event = film.events[0]
    rest, apex, after = (
        recording.shoot(film, round(t * film.fps), 0.0).astype(float)
        for t in (0.0, event.apex, event.offset + 0.1)
    )
    assert rest.shape == (FRAME_SIZE, FRAME_SIZE, 3)
    assert np.abs(apex - rest).max() > 10
    np.testing.assert_array_equal(after, rest)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="do not fit"):
        draw(seconds=10.0)
    film = draw(seconds=4.0, micro=1, macro=0, speech=0)
    with pytest.raises(ValueError, match="frames 0 to 799"):
        recording.shoot(film, 800, 0.0)
