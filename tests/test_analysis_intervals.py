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
    assert warning == (
        "Too few subjects to rely on the interval: SAMM (7), CASME II (3). With fewer than 8 "
        "subjects intervals cover the truth less often than they say, and may end at 0 or 1 only "
        "because single subjects do."
    )


def test_eight_subjects_are_enough():
    assert intervals.few_subjects({"SAMM": 8}) == []


@pytest.mark.parametrize(
    ("parts", "named"),
    [(6, "5 (2). With"), (7, "5 (2) and 1 more. With"), (9, "5 (2) and 3 more. With")],
)
def test_six_parts_of_few_subjects_are_named_and_others_counted(parts, named):
    (warning,) = intervals.few_subjects({f"part {number}": 2 for number in range(parts)})
    assert f"part 4 (2), part {named}" in warning


def two_runs(persons=12):
    rng = np.random.default_rng(3)
    person, truth, predicted = simulate(rng, persons)
    other = np.where(rng.random(len(truth)) < 0.4, (truth + 1) % 3, predicted)
    return counted(make(person, truth, predicted, run="a"), make(person, truth, other, run="b"))


@pytest.mark.parametrize("variance_factor", [2, 4])
def test_the_root_of_a_variance_factor_widens_the_interval_about_the_estimate(variance_factor):
    (a, b) = two_runs()
    plain, wide = (
        intervals.estimate([(1.0, a), (-1.0, b)], variance_factor=factor)
        for factor in (1, variance_factor)
    )
    assert wide.estimate == plain.estimate
    assert wide.standard_error == pytest.approx(np.sqrt(variance_factor) * plain.standard_error)
    for name in ("low", "high"):
        reach = getattr(plain, name) - plain.estimate
        assert getattr(wide, name) == pytest.approx(
            plain.estimate + np.sqrt(variance_factor) * reach
        )


def every_interval(a, b, **how):
    yield intervals.estimate([(1.0, a), (-1.0, b)], "accuracy", **how)
    yield intervals.difference(a, b, "accuracy", **how)
    yield intervals.differences(a, b, **how)["accuracy"]
    yield intervals.score_intervals(a, **how)["accuracy"]


def test_the_level_asked_for_is_that_of_every_kind_of_interval():
    (a, b) = two_runs()
    for wide, narrow in zip(every_interval(a, b), every_interval(a, b, level=0.5), strict=True):
        assert (wide.level, narrow.level) == (0.95, 0.5)
        assert wide.low < narrow.low < narrow.high < wide.high
        # The observed persons are no resample.
        assert wide.n_resamples == intervals.RESAMPLES


def test_a_difference_is_of_the_score_resamples_and_seed_asked_for():
    # Accuracy 1 and 1/4, UF1 1 and (2/5) / 2, of one class and clip a person.
    person, truth = np.arange(4), np.zeros(4, int)
    a, b = counted(make(person, truth, truth, run="a"), make(person, truth, [0, 1, 1, 1], run="b"))
    assert intervals.difference(a, b).estimate == pytest.approx(1 - 0.2)
    first, again, other = (
        intervals.difference(a, b, "accuracy", n_resamples=50, seed=seed) for seed in (1, 1, 2)
    )
    assert first.estimate == 0.75
    assert first.n_resamples == 50
    assert first == again
    assert first.standard_error != other.standard_error


def test_sides_with_nobody_in_common_are_two_strata_and_one_run_is_one():
    a, b = counted(*(make([p, p + 1, p + 2], [0] * 3, [0, 1, 0], run=f"r{p}") for p in (0, 10)))
    apart = intervals.difference(a.tested_only(), b.tested_only())
    assert (apart.design, apart.n_persons, apart.n_strata, apart.df) == ("unpaired", 6, 2, 4)
    single = intervals.estimate([(1.0, a)])
    assert (single.design, single.n_persons, single.n_strata, single.df) == ("single", 3, 1, 2)


def test_two_persons_and_two_resamples_are_enough_for_an_interval():
    # t of one degree of freedom at 1/4 is -1, widened by sqrt(2): Phi(-sqrt(2)) of the way up.
    found = intervals.expanded_percentile(0.5, np.array([0.0, 1.0]), n_units=2, level=0.5)
    tail = scipy_stats.norm.cdf(-np.sqrt(2))
    assert (found.low, found.high) == pytest.approx((tail, 1 - tail))
    assert found.standard_error == pytest.approx(np.sqrt(0.5))
    assert (found.df, found.design, found.n_resamples) == (1, "single", 2)
    assert np.isnan(intervals.expanded_percentile(0.5, np.zeros(1), n_units=2).low)


def test_p_counts_one_resample_in():
    # 3 of 39 resamples are at most 0: a tail of 4 / 40, widened as the interval is.
    resampled = np.r_[-1.0, -1.0, 0.0, np.ones(36)]
    found = intervals.expanded_percentile(0.7, resampled, n_units=10)
    widened = scipy_stats.norm.ppf(4 / 40) * np.sqrt(9 / 10)
    assert found.p_value == pytest.approx(2 * scipy_stats.t.cdf(widened, 9))
