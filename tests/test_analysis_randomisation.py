"""The randomisation test: known answers, level of stopped and full tests, test and interval."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethnicmer_jax.analysis import randomisation
from ethnicmer_jax.analysis.randomisation import Design

MANY = ((8, 8), (8, 8))


def design(planned, stop=0, members=MANY):
    return Design(members, planned, stop)


def test_the_p_value_counts_the_observed_value_and_doubles_the_smaller_tail():
    null = np.arange(99) / 100
    assert randomisation.outcome(np.r_[2.0, null], design(99)).p_value == pytest.approx(2 / 100)
    assert randomisation.outcome(np.r_[-2.0, null], design(99)).p_value == pytest.approx(2 / 100)
    # 3 values above, and a tie.
    assert randomisation.outcome(np.r_[0.95, null], design(99)).p_value == pytest.approx(
        2 * 5 / 100
    )
    assert randomisation.outcome(np.r_[0.49, null], design(99)).p_value == 1


def test_the_excess_is_what_the_groups_add_to_the_mean_of_relabellings():
    found = randomisation.outcome(np.r_[0.5, np.linspace(-0.1, 0.3, 99)], design(99))
    assert found.observed == 0.5
    assert found.excess == pytest.approx(0.4)
    # Of 99 values the second from either end: 2 (1 + 2) / 100 is the first p above .05.
    step = 0.4 / 98
    assert found.low == pytest.approx(0.5 - (0.3 - step))
    assert found.high == pytest.approx(0.5 - (-0.1 + step))


@pytest.mark.parametrize(
    ("members", "movable", "distinct"),
    [
        (((16, 0), (6, 16)), 22, math.comb(22, 6)),
        (((16, 0), (0, 16)), 0, 1),
        (((4, 4),), 8, 35),  # who is called first does not matter
        (((2, 2), (1, 3)), 8, 24),
    ],
)
def test_subjects_move_within_databases_with_both_groups(members, movable, distinct):
    found = design(99, members=members)
    assert (found.n_movable, found.n_distinct) == (movable, distinct)
    assert found.possible == (distinct >= 40)


@pytest.mark.parametrize("small", [design(38), design(99, members=((3, 3),))])
def test_too_few_relabellings_are_not_run(small):
    found = randomisation.outcome(np.r_[9.0, np.zeros(small.planned)], small)
    assert not found.run
    assert not found.excludes_zero
    assert math.isnan(found.low)


grids = st.lists(st.integers(-4, 4), min_size=2, max_size=120)


@given(grids, st.integers(0, 4), st.integers(0, 30), st.sampled_from([0.05, 0.1, 0.3]))
def test_the_interval_excludes_zero_where_and_only_where_the_test_rejects(
    values, stop, more, alpha
):
    """With ties, stopped or not; more relabellings may have been planned."""
    plan = design(max(39, len(values) - 1 + more), stop)
    found = randomisation.outcome(np.array(values) * 0.1 + 0.7, plan, alpha)
    assert found.run
    assert found.excludes_zero == (found.p_value <= alpha)
    assert found.low <= found.high


@given(grids, st.integers(0, 4), st.floats(-1, 1))
def test_the_interval_holds_exactly_the_shifts_that_are_not_rejected(values, stop, shift):
    plan = design(max(39, len(values) - 1), stop)
    found = randomisation.outcome(np.array(values) * 0.1, plan)
    moved = randomisation.outcome(
        np.array([values[0] * 0.1 - shift, *(np.array(values[1:]) * 0.1)]), plan
    )
    if min(abs(found.low - shift), abs(found.high - shift)) > 1e-6:
        assert (found.low < shift < found.high) == (moved.p_value > 0.05)


def sequential(values, plan):
    """p of a test that looks at its values one by one until it may stop."""
    taken = 1
    while taken < len(values) and not randomisation.finished(values[:taken], plan):
        taken += 1
    assert taken == randomisation.taken(values, plan)
    return randomisation.outcome(values[:taken], plan)


@given(grids, st.integers(1, 4))
def test_stopping_changes_no_p_value_of_its_own_rule(values, stop):
    plan = design(max(39, len(values) - 1), stop)
    values = np.array(values, float)
    if len(values) == 1 + plan.planned:
        assert sequential(values, plan).p_value == randomisation.outcome(values, plan).p_value


@pytest.mark.parametrize("stop", [0, 1, 2, 5])
def test_under_exchangeability_p_is_at_most_alpha_with_probability_alpha(stop):
    """Of tests with 39 relabellings, tied and untied: at most three standard errors above."""
    rng = np.random.default_rng(stop)
    plan, count = design(39, stop), 1500
    for values in (rng.random((count, 40)), rng.integers(0, 6, (count, 40)).astype(float)):
        p = np.array([randomisation.outcome(row, plan).p_value for row in values])
        for alpha in (0.05, 0.1, 0.2, 0.5):
            assert (p <= alpha).mean() <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / count)


def test_every_order_of_few_values_has_its_known_p():
    """All 24 orders of four values, as tails of a test of three relabellings: 1/4, 2/4, ..."""
    plan = Design(MANY, 3)
    tails = [
        randomisation._tail(float(order[0]), np.array(order[1:], float), plan)
        for order in itertools.permutations(range(4))
    ]
    assert sorted(tails) == sorted([0.25, 0.5, 0.75, 1.0] * 6)


@given(st.integers(0, 10**6), st.sampled_from([39, 199]))
def test_a_test_stopped_by_the_decision_rejects_where_the_full_one_does(seed, planned):
    values = np.random.default_rng(seed).standard_normal(1 + planned)
    values[0] *= 1.8
    full = randomisation.outcome(values, design(planned))
    stopped = sequential(values, design(planned, randomisation.stop_of_decision(planned)))
    assert (stopped.p_value <= 0.05) == (full.p_value <= 0.05)
    assert stopped.stopped == (len(stopped.null) < planned)


def test_a_stopped_test_has_no_bounded_interval():
    values = np.r_[0.0, np.tile([-1.0, 1.0], 99)]
    found = sequential(values, design(198, stop=3))
    assert (len(found.null), found.stopped) == (6, True)
    assert found.p_value == 1
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_a_test_is_finished_by_its_stop_in_both_tails_or_by_its_plan():
    # A tie counts in both tails.
    plan = design(99, stop=2)
    assert not randomisation.finished(np.zeros(2), plan)
    assert randomisation.finished(np.zeros(3), plan)
    assert not randomisation.finished(np.array([0.0, 1, 1, 1, -1]), plan)
    assert randomisation.finished(np.array([0.0, 1, 1, 1, -1, -1]), plan)
    assert randomisation.taken(np.array([0.0, 1, 1, 1, -1, -1, 5, 5]), plan) == 6
    assert randomisation.taken(np.zeros(9), plan) == 3
    assert randomisation.taken(np.array([0.0, 1, 1]), plan) == 3
    assert not randomisation.finished(np.arange(40.0), design(40))
    assert randomisation.finished(np.arange(41.0), design(40))
    # The groups as they are could not be drawn.
    assert randomisation.finished(np.full(1, np.nan), design(40))


@pytest.mark.parametrize(
    ("planned", "alpha", "stop"),
    # The first number of values k with 2 (1 + k) / (1 + planned) above alpha.
    [(39, 0.05, 1), (199, 0.05, 5), (1999, 0.05, 50), (1999, 0.01, 10), (78, 0.05, 1)],
)
def test_a_decision_stops_at_the_first_value_with_which_the_full_test_does_not_reject(
    planned, alpha, stop
):
    assert randomisation.stop_of_decision(planned, alpha) == stop


@pytest.mark.filterwarnings("error")
def test_without_relabellings_there_is_no_excess():
    assert math.isnan(randomisation.outcome(np.array([0.3]), design(39)).excess)


@pytest.mark.parametrize(
    ("null", "planned", "tail"),
    [
        # The third value as large is that of relabelling 6: 3 / 6 (Besag and Clifford 1991).
        ([1, -1, -1, 1, -1, 1, 1, 1], 99, 3 / 6),
        # One in 20 so far, of 99: at most 3 / 21. One in all 20: (1 + 1) / 21.
        ([1] + [-1] * 19, 99, 3 / 21),
        ([1] + [-1] * 19, 20, 2 / 21),
        ([-1], 99, 1.0),
    ],
)
def test_a_tail_that_may_stop_has_the_p_of_the_relabellings_it_took(null, planned, tail):
    found = randomisation._tail(0.0, np.array(null, float), design(planned, stop=3))
    assert found == pytest.approx(tail)


@pytest.mark.parametrize(("planned", "rank"), [(39, 1), (79, 2), (199, 5)])
def test_the_bound_is_the_value_with_which_p_first_exceeds_alpha(planned, rank):
    # Of 39 values 2 / 40 does not exceed .05 and 2 (1 + 1) / 40 does; of 79, 2 (1 + 1) / 80 does
    # not; of 199, 2 (1 + 4) / 200 does not.
    null = np.arange(float(planned))
    found = randomisation.outcome(np.r_[500.0, null], design(planned))
    assert found.low == 500 - null[-rank]
    assert found.high == 500 - null[rank - 1]
