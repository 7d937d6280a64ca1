"""What is said about a difference: every branch, and never more than the interval shows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethnicmer_jax.analysis import conclusion
from ethnicmer_jax.analysis.conclusion import Control, Range, Verdict, above_baseline, conclude

GROUPS = ("asian", "non_asian")
ABOVE, AROUND = Range(0.1, 0.02, 0.18), Range(0.1, -0.02, 0.22)
WITHIN = conclusion.within_database("samm", ABOVE, Range(0.09, 0.01, 0.17))
WITHIN_LOST = conclusion.within_database("samm", ABOVE, Range(0.09, -0.05, 0.2))
PLACEBO = Control("placebo groups", True, "p = 0.010")
PLACEBO_LOST = Control("placebo groups", False, "p = 0.400")
PLACEBO_NOT_RUN = conclusion.placebo("placebo groups", 0.1, np.zeros(18))
WITHIN_NOT_RUN = conclusion.within_database("samm", ABOVE, Range(0.1, math.nan, math.nan))


def _said(difference, run=(), *, confounded=True, **more):
    found = conclude(difference, GROUPS, run, confounded=confounded, **more)
    return found.verdict, " ".join(found.sentences)


def test_an_undefined_interval_says_nothing():
    verdict, text = _said(Range(0.1, math.nan, math.nan))
    assert verdict is Verdict.UNDEFINED
    assert "cannot be estimated" in text


def test_an_interval_with_zero_is_no_evidence_and_not_equality():
    verdict, text = _said(AROUND, [WITHIN, PLACEBO], detectable=0.17)
    assert verdict is Verdict.NO_EVIDENCE
    assert "no evidence at this power" in text
    assert "not evidence of equality" in text
    # What the interval still allows is its bound farther from 0.
    assert "up to .220" in text
    assert "80% power is about .170" in text


def test_power_is_not_mentioned_where_it_is_unknown():
    assert "80% power" not in _said(AROUND)[1]
    assert "80% power" not in _said(AROUND, detectable=math.nan)[1]


def test_confounded_without_a_within_database_comparison_is_not_separable():
    verdict, text = _said(ABOVE, [PLACEBO])
    assert verdict is Verdict.NOT_SEPARABLE
    assert "not separable from database" in text
    assert "no comparison within one database" in text


@pytest.mark.parametrize("confounded", [True, False])
def test_a_difference_lost_within_a_database_is_not_separable(confounded):
    verdict, text = _said(ABOVE, [WITHIN_LOST, PLACEBO], confounded=confounded)
    assert verdict is Verdict.NOT_SEPARABLE
    assert "“within SAMM”: within SAMM +.090 [−.050, +.200]" in text
    assert "placebo" not in text


def test_another_failed_control_is_named():
    verdict, text = _said(ABOVE, [WITHIN, PLACEBO_LOST])
    assert verdict is Verdict.FAILS_CONTROL
    assert "does not survive the control “placebo groups”: p = 0.400" in text
    assert "no evidence of an effect of ethnicity" in text


def test_without_any_control_the_cause_is_open():
    verdict, text = _said(ABOVE, confounded=False)
    assert verdict is Verdict.UNCONTROLLED
    assert "cause is open" in text


def test_what_survives_is_stated_with_interval_and_controls():
    verdict, text = _said(ABOVE, [WITHIN, PLACEBO], level=0.9875)
    assert verdict is Verdict.SURVIVES
    assert "+.100 [+.020, +.180] (98.75% interval)" in text
    assert "survives the controls “within SAMM” and “placebo groups”" in text
    assert "what causes it is not shown" in text


bound = st.floats(-1, 1)
every_control = [WITHIN, WITHIN_LOST, PLACEBO, PLACEBO_LOST, PLACEBO_NOT_RUN, WITHIN_NOT_RUN]
any_controls = st.lists(st.sampled_from(every_control), max_size=3)


@given(bound, bound, any_controls, st.booleans())
def test_survival_is_claimed_only_where_everything_holds(a, b, run, confounded):
    low, high = sorted((a, b))
    verdict, text = _said(Range((low + high) / 2, low, high), run, confounded=confounded)
    clear = not low <= 0 <= high
    planned, run = run, [control for control in run if control.passed is not None]
    separated = any(control.separates_database for control in run)
    holds = run and all(control.passed for control in run) and (separated or not confounded)
    assert (verdict is Verdict.SURVIVES) == bool(clear and holds)
    assert (verdict is Verdict.NO_EVIDENCE) == (not clear)
    assert ("There is a difference" in text) == (verdict is Verdict.SURVIVES)
    # What was not run is told wherever there was something to survive, and decides nothing.
    assert ("not run" in text) == bool(clear and len(run) < len(planned))
    assert verdict is _said(Range((low + high) / 2, low, high), run, confounded=confounded)[0]


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (Range(0.7, 0.6, 0.8), "the whole interval lies above the baseline (.262)"),
        (Range(0.2, 0.1, 0.25), "the whole interval lies below the baseline"),
        (Range(0.3, 0.2, 0.4), "not distinguishable from the baseline"),
        (Range(0.3, math.nan, math.nan), "too few subjects for an interval"),
    ],
)
def test_a_score_is_above_its_baseline_only_with_its_whole_interval(interval, words):
    assert words in above_baseline(interval, 0.262, score="UF1", baseline_name="baseline")


def test_a_replication_must_exclude_zero_on_the_same_side():
    below = Range(-0.1, -0.18, -0.02)
    assert conclusion.within_database("samm", below, below).passed
    assert not conclusion.within_database("samm", below, ABOVE).passed
    assert not conclusion.within_database("samm", ABOVE, below).passed


def test_placebo_compares_sizes_and_counts_the_observed_one():
    # 1 of 39 placebo differences is as large in size: p = 2 / 40 = .05, just passed.
    small = np.linspace(-0.05, 0.05, 38)
    assert conclusion.placebo("placebo", 0.1, np.append(small, -0.2)).passed
    # An undefined draw is none.
    assert conclusion.placebo("placebo", 0.1, np.append(np.zeros(19), math.nan)).passed


@pytest.mark.parametrize("draws", [0, 1, 5, 18])
@given(observed=st.floats(-1, 1), null=st.floats(-1, 1))
def test_a_placebo_that_could_not_have_passed_is_not_run(draws, observed, null):
    # The smallest p of 18 draws is 1 / 19 > .05, whatever was measured.
    control = conclusion.placebo("placebo groups", observed, np.full(draws, null))
    assert control.passed is None
    assert control.verdict == "not run"
    assert "p can reach .05 with 19" in control.detail
    assert math.isnan(conclusion.placebo_p(observed, np.full(draws, null)))


def test_nineteen_placebo_draws_can_pass_and_can_fail():
    assert conclusion.placebo("placebo groups", 0.1, np.zeros(19)).verdict == "survived"
    assert conclusion.placebo("placebo groups", 0.1, np.full(19, 0.2)).verdict == "not survived"


def test_a_replication_without_an_interval_is_not_run():
    assert WITHIN_NOT_RUN.passed is None
    verdict, text = _said(ABOVE, [WITHIN_NOT_RUN])
    assert verdict is Verdict.NOT_SEPARABLE
    assert "no comparison within one database was made" in text
    assert "The control “within SAMM” was not run: within SAMM too few subjects" in text
