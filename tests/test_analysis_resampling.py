"""Bootstrap and permutation: agreement with SciPy, coverage, level, and edge cases."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_predictions import difference, join, make, score_interval, simulate
from scipy import stats as scipy_stats
from sklearn.metrics import confusion_matrix

from ethnicmer_jax.analysis import confusion, intervals, permutation
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.base.predictions import Predictions


def test_resampled_scores_are_those_of_the_resampled_table():
    rng = np.random.default_rng(0)
    made = make(*simulate(rng, 7))
    subjects = Counts.of(made)
    weights = intervals.resample_weights(np.zeros(7), 20, rng)
    (fast,) = subjects.scores(weights, confusion.uf1)
    for row, value in zip(weights, fast, strict=True):
        repeats = row[np.searchsorted(subjects.persons, made.person.astype(str))]
        truth, predicted = (np.repeat(x, repeats) for x in (made.emotion_index, made.predicted))
        matrix = confusion_matrix(truth, predicted, labels=[0, 1, 2])
        assert value == pytest.approx(confusion.uf1(matrix))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(0, 2**32 - 1))
def test_each_stratum_keeps_its_size(strata, seed):
    strata = np.array(strata)
    weights = intervals.resample_weights(strata, 5, np.random.default_rng(seed))
    for stratum in set(strata):
        assert (weights[:, strata == stratum].sum(1) == (strata == stratum).sum()).all()


def test_standard_error_is_the_closed_form_for_one_clip_a_person():
    # Accuracy of independent clips: sqrt(p (1 - p) / n).
    rng = np.random.default_rng(1)
    right = rng.random(200) < 0.7
    made = make(np.arange(200), np.zeros(200, int), np.where(right, 0, 1))
    interval = score_interval(made, "accuracy", n_resamples=5000)
    p = right.mean()
    assert interval.standard_error == pytest.approx(np.sqrt(p * (1 - p) / 200), rel=0.04)
    reference = scipy_stats.bootstrap(
        (right.astype(float),), np.mean, n_resamples=5000, method="percentile", rng=rng
    ).confidence_interval
    assert (interval.low, interval.high) == pytest.approx(tuple(reference), abs=0.01)


def test_clips_of_one_person_count_as_one():
    # Every clip of a person is right or wrong together: 30 persons are 30
    # observations, however many clips each has.
    right = np.arange(30) < 20
    few = make(np.arange(30), np.zeros(30, int), np.where(right, 0, 1))
    many = make(
        np.repeat(np.arange(30), 9), np.zeros(270, int), np.repeat(np.where(right, 0, 1), 9)
    )
    widths = [
        interval.high - interval.low
        for interval in (score_interval(made, "accuracy") for made in (few, many))
    ]
    assert widths[0] == pytest.approx(widths[1])


def test_coverage_of_the_interval_is_near_nominal():
    truth = confusion.uf1(
        confusion_matrix(*simulate(np.random.default_rng(9), 100_000)[1:], labels=[0, 1, 2])
    )
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        interval = score_interval(make(*simulate(rng, 28)), n_resamples=300)
        covered += interval.low <= truth <= interval.high
    # About .92 in a long simulation (module docstring); 3 binomial sd are .057.
    assert 0.86 <= covered / 200 <= 0.985


def test_the_interval_is_wider_than_percentile_with_few_persons_and_not_with_many():
    resampled = np.linspace(0, 1, 10_001)
    few, many = (intervals.expanded_percentile(0.5, resampled, n_units=n) for n in (10, 100_000))
    # Normal tail of t(9) at .975 times sqrt(10 / 9): Phi(-2.3845).
    assert few.low == pytest.approx(scipy_stats.norm.cdf(-2.262157 * np.sqrt(10 / 9)), abs=1e-4)
    assert many.low == pytest.approx(0.025, abs=1e-4)
    assert few.high == pytest.approx(1 - few.low)


def test_pairing_narrows_the_difference():
    rng = np.random.default_rng(3)
    person, truth, guess = simulate(rng, 40, sd=2.0)
    better = np.where(rng.random(len(truth)) < 0.15, truth, guess)
    a, b = make(person, truth, better), make(person, truth, guess)
    paired = difference(a, b)
    elsewhere = make(person, truth, guess, database="casme2")
    unpaired = difference(a, elsewhere)
    assert (paired.design, unpaired.design) == ("paired", "unpaired")
    assert paired.estimate == pytest.approx(unpaired.estimate)
    assert paired.high - paired.low < 0.7 * (unpaired.high - unpaired.low)


def test_unpaired_standard_error_adds_variances():
    rng = np.random.default_rng(4)
    a, b = make(*simulate(rng, 30)), make(*simulate(rng, 20), database="casme2")
    both = difference(a, b, n_resamples=6000)
    alone = [score_interval(x, n_resamples=6000, seed=i) for i, x in enumerate((a, b))]
    expected = np.hypot(*(interval.standard_error for interval in alone))
    assert both.standard_error == pytest.approx(expected, rel=0.06)
    assert both.n_persons == 50


def test_difference_of_a_model_with_itself_is_exactly_nothing():
    made = make(*simulate(np.random.default_rng(5), 12))
    nothing = difference(made, made)
    assert (nothing.estimate, nothing.low, nothing.high) == (0, 0, 0)
    assert not nothing.excludes_zero


def test_several_runs_are_averaged():
    person, truth, guess = simulate(np.random.default_rng(6), 15)
    runs = [make(person, truth, x, run=f"s{i}") for i, x in enumerate((guess, truth))]
    alone = [score_interval(run).estimate for run in runs]
    assert score_interval(join(*runs)).estimate == pytest.approx(np.mean(alone))
    assert alone[1] == 1.0


def test_one_person_has_no_interval():
    interval = score_interval(make([0, 0], [0, 1], [0, 0]))
    assert np.isnan(interval.low)
    assert not interval.excludes_zero


def test_everything_random_follows_the_seed():
    a = make(*simulate(np.random.default_rng(7), 20))
    first, again, other = (score_interval(a, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_scores_over_different_classes_cannot_be_compared():
    a = make([0], [0], [0])
    b = Predictions.from_table(a.table.drop(columns="p_surprise").assign(p_negative=0.9))
    with pytest.raises(ValueError, match="cannot compare"):
        difference(a, b)


def two_groups(rng, shift, n=12, database="samm"):
    parts = [simulate(rng, n), simulate(rng, n, shift=shift)]
    made = [
        make(person + 100 * i, truth, guess, database=database, ethnicity=name)
        for i, ((person, truth, guess), name) in enumerate(
            zip(parts, ("Asian", "White"), strict=True)
        )
    ]
    return join(*made)


def group_test(made, **how):
    group = made.table["ethnicity"].to_numpy(object)
    return permutation.group_difference(made, group, ("Asian", "White"), **how)


def test_permutation_p_is_that_of_scipy():
    # One clip a person, accuracy: the difference of two proportions.
    rng = np.random.default_rng(8)
    right = rng.random(40) < np.repeat([0.8, 0.45], 20)
    made = make(
        np.arange(40),
        np.zeros(40, int),
        np.where(right, 0, 1),
        ethnicity=np.repeat(["Asian", "White"], 20),
    )
    ours = group_test(made, score="accuracy", n_permutations=5000)
    reference = scipy_stats.permutation_test(
        (right[:20].astype(float), right[20:].astype(float)),
        lambda a, b, axis: a.mean(axis) - b.mean(axis),
        vectorized=True,
        n_resamples=5000,
        rng=rng,
    )
    assert ours.statistic == pytest.approx(reference.statistic)
    assert ours.p_value == pytest.approx(reference.pvalue, abs=0.02)
    assert ours.n_informative == 40


def test_permutation_rejects_at_its_level_and_finds_a_real_difference():
    rng = np.random.default_rng(10)
    null = [group_test(two_groups(rng, 0.0), n_permutations=199).p_value for _ in range(150)]
    # Valid: at most 5% plus 3 binomial sd of 150 trials.
    assert np.mean(np.array(null) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)
    real = [group_test(two_groups(rng, -3.0), n_permutations=199).p_value for _ in range(20)]
    assert np.mean(np.array(real) <= 0.05) >= 0.8


def confounded(rng):
    """Recognition depends on the database alone; each has both groups, in different numbers."""
    parts = []
    for database, shift, sizes in (("casme2", 1.5, (15, 4)), ("samm", -1.5, (4, 15))):
        for i, (name, n) in enumerate(zip(("Asian", "White"), sizes, strict=True)):
            person, truth, guess = simulate(rng, n, sd=0.3, shift=shift)
            part = make(person + 100 * i, truth, guess, database=database, ethnicity=name)
            parts.append(part)
    return join(*parts)


def test_a_database_effect_raises_false_alarms_only_across_databases():
    rng = np.random.default_rng(11)
    made = [confounded(rng) for _ in range(60)]
    within, across = (
        np.array([group_test(x, within_database=w, n_permutations=199).p_value for x in made])
        for w in (True, False)
    )
    assert np.mean(within <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)
    assert np.mean(across <= 0.05) >= 0.5


def test_a_group_that_is_a_database_is_not_separable():
    rng = np.random.default_rng(12)
    a = make(*simulate(rng, 8), database="casme2", ethnicity="Asian")
    b = make(*simulate(rng, 8), database="samm", ethnicity="White")
    outcome = group_test(join(a, b))
    assert not outcome.separable
    assert np.isnan(outcome.p_value)
    assert outcome.n_distinct == 1


def test_a_person_in_two_groups_and_an_empty_group_are_refused():
    torn = make([0, 0, 1], [0, 0, 0], [0, 0, 0], ethnicity=["Asian", "White", "White"])
    with pytest.raises(ValueError, match="samm/0 is in both groups"):
        group_test(torn)
    with pytest.raises(ValueError, match="nobody is in group 'White'"):
        group_test(make([0], [0], [0]))


@pytest.mark.parametrize(("n", "distinct", "run"), [(3, 20, False), (4, 70, True)])
def test_a_permutation_test_that_could_not_have_rejected_is_not_run(n, distinct, run):
    # Of 2 n persons the most extreme relabelling has p 2 / distinct.
    person = np.arange(2 * n)
    wrong = (person >= n).astype(int)
    ethnicity = np.where(wrong, "White", "Asian")
    outcome = group_test(make(person, np.zeros(2 * n, int), wrong, ethnicity=ethnicity))
    assert outcome.n_distinct == distinct
    assert outcome.separable
    assert outcome.possible == run
    assert np.isnan(outcome.p_value) != run
    if run:
        assert outcome.p_value <= 0.05
        few = group_test(
            make(person, np.zeros(2 * n, int), wrong, ethnicity=ethnicity), n_permutations=38
        )
        assert not few.possible
        assert np.isnan(few.p_value)


def test_more_relabellings_than_a_float_can_count_are_no_error():
    person = np.arange(1100)
    ethnicity = np.where(person % 2, "White", "Asian")
    made = make(person, np.zeros(1100, int), person % 3, ethnicity=ethnicity)
    outcome = group_test(made, n_permutations=50)
    assert outcome.n_distinct == np.inf
    assert 0 < outcome.p_value <= 1


@settings(max_examples=60)
@given(
    st.lists(st.floats(-5, 5, allow_subnormal=False), min_size=1, max_size=50),
    st.integers(0, 49),
)
def test_p_values_are_valid(values, index):
    # The observed statistic is one of n + 1 exchangeable ones: for any level, at
    # most that share of them may be rejected.
    values = np.array(values)
    p = np.array(
        [permutation.two_sided_p(value, np.delete(values, i)) for i, value in enumerate(values)]
    )
    assert ((p > 0) & (p <= 1)).all()
    level = (1 + index) / 50
    assert (p <= level).mean() <= level


def test_labels_are_permuted_within_strata_only():
    labels, strata = np.array([1, 0, 0, 1, 1, 1]), np.array(["a", "a", "a", "b", "b", "b"])
    permuted = permutation.permuted_labels(labels, strata, 200, np.random.default_rng(0))
    assert (permuted[:, :3].sum(1) == 1).all()
    assert (permuted[:, 3:] == 1).all()
    # Each of three places is equally likely: 200 / 3 with sd 6.7.
    assert (np.abs(permuted[:, :3].sum(0) - 200 / 3) < 27).all()
    np.testing.assert_array_equal(permutation.informative(labels, strata), [True] * 3 + [False] * 3)


def test_a_p_value_of_few_permutations_is_counted_by_hand():
    # 2 (1 + values as large) / (1 + 39), of the smaller tail.
    null = np.arange(39.0)
    assert permutation.two_sided_p(37.5, null) == 2 * 2 / 40
    assert permutation.two_sided_p(37.0, null) == 2 * 3 / 40
    assert permutation.two_sided_p(0.5, null) == 2 * 2 / 40
    assert permutation.two_sided_p(99.0, null) == permutation.two_sided_p(-9.0, null) == 2 / 40
    assert permutation.two_sided_p(19.0, null) == 1
    assert permutation.two_sided_p(99.0, np.append(null, np.nan)) == 2 / 40


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_statistics_that_differ_in_their_last_bits_are_tied(scale):
    # Nearer than 1e-9 of 1 or of the statistic, whichever is larger.
    for sign in (1, -1):
        null = np.append(np.zeros(38), sign * scale * (1 - 0.5e-9))
        assert permutation.two_sided_p(sign * scale, null) == 2 * 2 / 40
        null[-1] = sign * scale * (1 - 1.5e-9)
        assert permutation.two_sided_p(sign * scale, null) == 2 / 40


def test_across_databases_everybody_can_move():
    rng = np.random.default_rng(13)
    parts = [
        make(*simulate(rng, 4), database=name, ethnicity=ethnicity)
        for name, ethnicity in (("casme2", "Asian"), ("samm", "White"))
    ]
    across = group_test(join(*parts), within_database=False, n_permutations=60)
    assert (across.n_informative, across.n_distinct) == (8, 70)
    assert (across.n_permutations, across.possible) == (60, True)


def test_relabellings_follow_the_seed():
    made = two_groups(np.random.default_rng(14), -0.5)
    first, again, other = (group_test(made, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.p_value != other.p_value
    assert first.n_permutations == 2000


def swapped(persons=12, **how):
    """Persons of whom the first model is right on most, the second on few."""
    person, truth = np.arange(persons), np.zeros(persons, int)
    a = make(person, truth, (person % 4 == 0).astype(int))
    b = make(person, truth, (person % 3 != 0).astype(int))
    return permutation.swap(Counts.of(a), Counts.of(b), confusion.SCORES, **how)["accuracy"]


def test_swaps_follow_the_seed_and_are_ten_thousand():
    found = swapped()
    assert found == swapped(seed=0)
    assert found.p_value != swapped(seed=1).p_value
    # Right on 9 and on 4 of 12; who is right, or wrong, in both cannot tell.
    assert found.statistic == pytest.approx(5 / 12)
    assert (found.n_permutations, found.n_informative, found.n_distinct) == (10_000, 7, 2**7)


def test_as_many_swaps_as_a_float_can_count():
    assert swapped(3000, n_permutations=2).n_distinct == 2.0**1023


@pytest.mark.parametrize("fault", ["runs", "persons", "classes"])
def test_swapping_answers_needs_the_same_persons_classes_and_runs(fault):
    one = make([0, 1], [0, 1], [0, 1])
    counts = Counts.of(one)
    other = {
        "runs": Counts.of(join(one, Predictions.from_table(one.table.assign(run="s")))),
        "persons": Counts.of(make([0, 2], [0, 1], [0, 1])),
        "classes": dataclasses.replace(counts, classes=("a", "b", "c")),
    }[fault]
    with pytest.raises(ValueError, match="over the same persons"):
        permutation.swap(counts, other, confusion.SCORES)
