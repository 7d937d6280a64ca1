"""Matching of intervals and F1, as the challenge counts."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethnicmer_jax.predict.spotting import score
from ethnicmer_jax.predict.spotting.score import Counts

SPANS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda pair: (pair[0], sum(pair))),
    max_size=8,
)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((10, 19), (10, 19), 1.0),
        ((10, 19), (15, 24), 5 / 15),
        ((10, 19), (10, 14), 0.5),
        ((10, 19), (19, 28), 1 / 19),  # the last frame belongs to the interval
        ((10, 19), (20, 29), 0.0),
    ],
)
def test_overlap_is_intersection_over_union_of_frames(one, other, expected):
    assert score.overlap(one, other) == pytest.approx(expected)
    assert score.overlap(other, one) == pytest.approx(expected)


def test_a_known_recording():
    there = [(10, 19), (50, 59), (90, 99)]
    found = [(11, 20), (10, 18), (55, 75), (90, 94), (130, 140)]
    counts = score.count(found, there)
    assert counts == Counts(true_positives=2, false_positives=3, misses=1)
    assert counts.precision == pytest.approx(2 / 5)
    assert counts.recall == pytest.approx(2 / 3)
    assert counts.f1 == pytest.approx(2 * 2 / (2 * 2 + 3 + 1))


def test_recordings_add_up_as_if_they_were_one():
    whole = score.total([Counts(1, 0, 1), Counts(0, 3, 0), Counts(2, 1, 0)])
    assert whole == Counts(3, 4, 1)
    assert whole.f1 == pytest.approx(6 / 11)


def test_where_nothing_is_there_and_nothing_found_there_is_no_score():
    assert math.isnan(score.count([], []).f1)
    assert score.count([], [(1, 5)]).f1 == 0.0
    assert score.count([(1, 5)], []).f1 == 0.0


@settings(max_examples=40, deadline=None)
@given(SPANS, SPANS)
def test_every_interval_is_counted_once(found, there):
    counts = score.count(found, there)
    assert counts.true_positives + counts.false_positives == len(found)
    assert counts.true_positives + counts.misses == len(there)
    assert min(counts.true_positives, counts.false_positives, counts.misses) >= 0


@settings(max_examples=40, deadline=None)
@given(SPANS, SPANS)
def test_order_does_not_matter_and_found_and_there_are_alike(found, there):
    counts = score.count(found, there)
    assert score.count(found[::-1], there[::-1]).true_positives == counts.true_positives
    swapped = score.count(there, found)
    assert (swapped.true_positives, swapped.misses) == (
        counts.true_positives,
        counts.false_positives,
    )


@settings(max_examples=40, deadline=None)
@given(SPANS)
def test_what_is_there_is_found_by_itself(there):
    assert score.count(there, there) == Counts(len(there), 0, 0)


@settings(max_examples=40, deadline=None)
@given(SPANS, SPANS)
def test_a_laxer_overlap_finds_no_less(found, there):
    strict, lax = (score.count(found, there, least) for least in (0.5, 0.2))
    assert lax.true_positives >= strict.true_positives
