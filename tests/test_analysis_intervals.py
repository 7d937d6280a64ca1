"""Estimates of weighted sums of scores: differences, interactions, and what they refuse."""

import numpy as np
import pytest
from made_up_predictions import difference, join, make, score_interval, simulate
from scipy import stats as scipy_stats

from ethnicmer_jax.analysis import effects, intervals
from ethnicmer_jax.analysis.counts import Counts


def counted(*parts):
    """The counts of several runs, and those of each of them."""
    together = Counts.of(join(*parts))
    return [together.of_runs([row]) for row in range(len(parts))]


@pytest.mark.parametrize(("persons", "design"), [
    (slice(None), "paired"), (slice(0, 6), "partly paired"), (slice(12, None), "unpaired"),
])  # fmt: skip
def test_two_terms_are_the_difference_of_two_runs(persons, design):
    rng = np.random.default_rng(0)
    person, truth, predicted = simulate(rng, 24)
    first = person < (24 if design != "unpaired" else 12)
    second = np.isin(person, np.arange(24)[persons])
    again = np.where(rng.random(len(truth)) < 0.3, (truth + 1) % 3, predicted)
    a = make(person[first], truth[first], predicted[first], run="a")
    b = make(person[second], truth[second], again[second], run="b")
    counts = counted(a, b)
    found = intervals.estimate([(1.0, counts[0]), (-1.0, counts[1])])
    expected = difference(a, b)
    assert found.design == expected.design == design
    for name in ("estimate", "low", "high", "standard_error", "n_persons", "n_strata"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name)), name


def test_p_is_that_of_a_paired_t_test_where_that_one_is_right():
    # Accuracy of one clip a person is a mean, so the paired t test is its textbook.
    rng = np.random.default_rng(1)
    n = 120
    truth = np.zeros(n, int)
    right = rng.random(n) < 0.75, rng.random(n) < 0.6
    a, b = (make(np.arange(n), truth, np.where(hit, 0, 1), run=run)
            for run, hit in zip("ab", right, strict=True))  # fmt: skip
    counts = counted(a, b)
    found = intervals.estimate(
        [(1.0, counts[0]), (-1.0, counts[1])], "accuracy", n_resamples=20_000
    )
    textbook = scipy_stats.ttest_rel(*(hit.astype(float) for hit in right))
    assert found.estimate == pytest.approx(right[0].mean() - right[1].mean())
    assert found.p_value == pytest.approx(textbook.pvalue, rel=0.25)
    interval = textbook.confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.015)
    assert found.detectable == pytest.approx(
        effects.minimum_detectable(found.standard_error, df=n - 1)
    )


def test_an_interaction_adds_its_terms():
    rng = np.random.default_rng(2)
    parts = [make(*simulate(rng, 9), run=run) for run in "abcd"]
    counts = counted(*parts)
    signs = (0.5, -0.5, 0.5, -0.5)
    found = intervals.estimate(list(zip(signs, counts, strict=True)))
    single = [score_interval(part).estimate for part in parts]
    assert found.estimate == pytest.approx(np.dot(signs, single))
    assert found.low < found.estimate < found.high


def test_one_person_has_no_interval_and_no_p():
    only = counted(make([0, 0], [0, 1], [0, 1], run="a"), make([0, 0], [0, 1], [1, 1], run="b"))
    found = intervals.estimate([(1.0, only[0]), (-1.0, only[1])])
    assert np.isnan([found.low, found.high, found.p_value, found.detectable]).all()
    assert found.estimate > 0


def test_terms_over_other_persons_and_no_terms_are_refused():
    here, there = (Counts.of(make([p], [0], [0])) for p in (0, 1))
    with pytest.raises(ValueError, match="the same persons"):
        intervals.estimate([(1.0, here), (-1.0, there)])
    with pytest.raises(ValueError, match="needs a term"):
        intervals.estimate([])


def test_parts_of_few_subjects_are_warned_of_in_one_line():
    assert intervals.few_subjects({"LOSO": 52, "SAMM": 28}) == []
    (warning,) = intervals.few_subjects({"LOSO": 12, "SAMM": 7, "CASME II": 3})
    assert warning.startswith("Too few subjects to rely on the interval: SAMM (7), CASME II (3).")
    (warning,) = intervals.few_subjects({f"part {number}": 2 for number in range(9)})
    assert "and 3 more" in warning
