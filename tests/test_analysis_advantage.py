"""Own-group advantage: hand computation, nothing where nothing is, coverage, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ethnicmer_jax.analysis import intervals, variance_factor
from ethnicmer_jax.analysis.advantage import own_group_advantage
from ethnicmer_jax.analysis.variance_factor import Factor
from ethnicmer_jax.base.predictions import Predictions

CLASSES = ("negative", "positive", "surprise")
SIDES = ("asian", "non_asian")


def cell(run, person, truth, predicted, database="samm"):
    """Rows of one run: clip i is of person[i]."""
    p = np.full((len(truth), 3), 0.1)
    p[np.arange(len(truth)), predicted] = 0.8
    labels = {
        "run": run,
        "fold": "f",
        "database": database,
        "subject": np.asarray(person).astype(str),
        "clip": np.arange(len(truth)).astype(str),
        "emotion": np.array(CLASSES)[truth],
        "ethnicity": "Asian",
    }
    return pd.DataFrame(labels | {f"p_{name}": p[:, i] for i, name in enumerate(CLASSES)})


def join(*cells):
    return Predictions.from_table(pd.concat(cells))


def square(rng, contrast="ethnicity", draw=0, seed=0, persons=12, clips=4, gain=0.0):
    """The four cells of one draw: the other side's model is right in half, one's own in more.

    One class only, so that nothing but accuracy decides; persons 0..n-1 are asian.
    """
    parts = []
    for number, (own, other) in enumerate((SIDES, SIDES[::-1])):
        person = np.repeat(np.arange(persons) + number * persons, clips)
        truth = np.zeros(len(person), int)
        for name, rate in ((f"mono_{own}", 0.5 + gain), (f"{other}_to_{own}", 0.5)):
            wrong = (rng.random(len(person)) > rate).astype(int)
            run = f"{contrast}.{name}-draw{draw}-seed{seed}"
            parts.append(cell(run, person, truth, wrong))
    return parts


def test_equals_the_hand_computation():
    # asian: own model right on 3 of 4, the other on 1 of 4; non_asian: own 2 of 4,
    # the other 2 of 4. Accuracy: ((3 - 1) / 4 + 0) / 2 = .25.
    person, truth = [0, 0, 1, 1], np.zeros(4, int)
    made = join(
        cell("ethnicity.mono_asian-draw0-seed0", person, truth, [0, 0, 0, 1]),
        cell("ethnicity.non_asian_to_asian-draw0-seed0", person, truth, [0, 1, 1, 1]),
        cell("ethnicity.mono_non_asian-draw0-seed0", [2, 2, 3, 3], truth, [0, 0, 1, 1]),
        cell("ethnicity.asian_to_non_asian-draw0-seed0", [2, 2, 3, 3], truth, [0, 1, 0, 1]),
    )
    found = own_group_advantage(made, score="accuracy")
    assert found.estimate == pytest.approx(0.25)
    assert found.sides == SIDES
    assert found.per_side == pytest.approx((0.5, 0.0))
    assert found.per_draw == pytest.approx([0.25])
    assert found.n_persons == 4


def test_uf1_is_that_of_scikit_learn():
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    person, truth = np.repeat(np.arange(6), 5), rng.integers(0, 3, 30)
    guesses = {name: rng.integers(0, 3, 30) for name in ("own", "other")}
    parts = []
    for (own, other), shift in ((SIDES, 0), (SIDES[::-1], 10)):
        parts.append(cell(f"c.mono_{own}-draw0-seed1", person + shift, truth, guesses["own"]))
        run = f"c.{other}_to_{own}-draw0-seed1"
        parts.append(cell(run, person + shift, truth, guesses["other"]))
    expected = [f1_score(truth, guess, average="macro") for guess in guesses.values()]
    assert own_group_advantage(join(*parts), "c").estimate == pytest.approx(
        expected[0] - expected[1]
    )


def test_equal_predictions_have_no_advantage():
    rng = np.random.default_rng(1)
    parts = []
    for own, other in (SIDES, SIDES[::-1]):
        person = np.repeat(np.arange(8) + 100 * (own == "asian"), 3)
        truth, guess = rng.integers(0, 3, (2, 24))
        for name in (f"mono_{own}", f"{other}_to_{own}"):
            parts.append(cell(f"ethnicity.{name}-draw0-seed0", person, truth, guess))
    found = own_group_advantage(join(*parts), n_resamples=200)
    assert (found.estimate, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    assert not found.excludes_zero


def test_a_better_training_set_and_an_easier_side_cancel():
    # Accuracy: trained on asian .75, on non_asian .5, on whomever tested: an advantage
    # of +.25 on asian and -.25 on non_asian.
    person = np.repeat(np.arange(4), 4)
    truth = np.zeros(16, int)
    good, fair = np.tile([0, 0, 0, 1], 4), np.tile([0, 0, 1, 1], 4)
    made = join(
        cell("ethnicity.mono_asian-draw0-seed0", person, truth, good),
        cell("ethnicity.non_asian_to_asian-draw0-seed0", person, truth, fair),
        cell("ethnicity.mono_non_asian-draw0-seed0", person + 9, truth, fair),
        cell("ethnicity.asian_to_non_asian-draw0-seed0", person + 9, truth, good),
    )
    found = own_group_advantage(made, score="accuracy", n_resamples=100)
    assert found.estimate == 0
    assert found.per_side == pytest.approx((0.25, -0.25))


def test_draws_and_seeds_are_averaged():
    rng = np.random.default_rng(2)
    single = {
        (draw, seed): join(*square(rng, draw=draw, seed=seed, gain=0.2 * draw))
        for draw in range(3)
        for seed in range(2)
    }
    alone = {key: own_group_advantage(made, score="accuracy").estimate
             for key, made in single.items()}  # fmt: skip
    both = own_group_advantage(join(*(made.table for made in single.values())), score="accuracy")
    assert both.estimate == pytest.approx(np.mean(list(alone.values())))
    assert both.per_draw == pytest.approx(
        [np.mean([alone[draw, 0], alone[draw, 1]]) for draw in range(3)]
    )


def test_other_contrasts_cells_and_jobs_do_not_count():
    rng = np.random.default_rng(3)
    mine = square(rng)
    beside = [
        *square(rng, "within_samm"),
        cell("ethnicity.stereo-draw0-seed0", [0, 1], np.zeros(2, int), [0, 1]),
        cell("pooled.loso-seed0", [0, 1], np.zeros(2, int), [0, 1]),
    ]
    alone, among = own_group_advantage(join(*mine)), own_group_advantage(join(*mine, *beside))
    assert (alone.estimate, alone.low, alone.high) == (among.estimate, among.low, among.high)
    inside = own_group_advantage(join(*mine, *beside), "within_samm")
    assert inside.estimate != alone.estimate


def test_p_value_and_interval_agree():
    rng = np.random.default_rng(4)
    agreed = []
    for gain in np.linspace(-0.3, 0.3, 14):
        found = own_group_advantage(join(*square(rng, gain=gain)), score="accuracy")
        # The quantile of 2,000 resamples is coarse near the border.
        if abs(found.p_value - 0.05) > 0.01:
            agreed.append(found.excludes_zero == (found.p_value < 0.05))
    assert len(agreed) >= 10
    assert all(agreed)


def test_persons_are_resampled_within_side_and_database():
    # Two databases, of which one is always recognised by its own side only: were
    # databases mixed, the estimate would vary between resamples.
    parts = []
    for database, right in (("casme2", 0), ("samm", 1)):
        for own, other in (SIDES, SIDES[::-1]):
            person = np.arange(5) + 10 * (own == "asian")
            truth = np.zeros(5, int)
            for name, guess in ((f"mono_{own}", truth + right), (f"{other}_to_{own}", truth + 1)):
                run = f"ethnicity.{name}-draw0-seed0"
                parts.append(cell(run, person, truth, guess, database))
    found = own_group_advantage(join(*parts), score="accuracy", n_resamples=200)
    assert found.estimate == pytest.approx(0.5)
    assert found.standard_error == pytest.approx(0, abs=1e-12)


def test_one_person_a_side_has_no_interval():
    made = join(*square(np.random.default_rng(5), persons=1))
    found = own_group_advantage(made)
    assert np.isnan(found.low)
    assert np.isnan(found.p_value)
    assert not found.excludes_zero


def test_the_same_seed_gives_the_same_interval():
    made = join(*square(np.random.default_rng(6)))
    intervals = [own_group_advantage(made, seed=seed, n_resamples=300) for seed in (1, 1, 2)]
    bounds = [(found.low, found.high, found.p_value) for found in intervals]
    assert bounds[0] == bounds[1] != bounds[2]


def test_a_missing_cell_is_named():
    parts = square(np.random.default_rng(7), draw=3, seed=1)
    with pytest.raises(ValueError, match=r"draw 3, seed 1 has no run of the cell \w+_to_\w+"):
        own_group_advantage(join(*parts[:1], *parts[2:]))
    with pytest.raises(ValueError, match="'placebo' needs runs of two mono_ cells, found none"):
        own_group_advantage(join(*parts), "placebo")


def test_p_value_of_a_normal_bootstrap_is_that_of_student():
    # Resamples from N(m, s): the tail is Phi(-m / s), widened to t with n - 1 df and
    # sqrt((n - 1) / n), as the interval is.
    from scipy import stats as scipy_stats

    resampled = scipy_stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000, loc=2.0)
    expected = 2 * scipy_stats.t.cdf(-2.0 * np.sqrt(9 / 10), 9)
    found = intervals.expanded_percentile(2.0, resampled, n_units=10)
    assert found.p_value == pytest.approx(expected, rel=0.02)


@pytest.mark.slow
def test_coverage_is_near_nominal():
    # Persons differ in how well either model does on them (sd .1 each); true gain .1.
    rng = np.random.default_rng(8)
    covered, trials = 0, 300
    for _ in range(trials):
        parts = []
        for number, (own, other) in enumerate((SIDES, SIDES[::-1])):
            person = np.repeat(np.arange(14) + 14 * number, 1 + rng.poisson(5, 14))
            rates = np.clip(rng.normal([[0.6], [0.5]], 0.1, (2, 28)), 0, 1)
            for name, rate in zip((f"mono_{own}", f"{other}_to_{own}"), rates, strict=True):
                wrong = (rng.random(len(person)) > rate[person]).astype(int)
                truth = np.zeros(len(person), int)
                parts.append(cell(f"ethnicity.{name}-draw0-seed0", person, truth, wrong))
        found = own_group_advantage(join(*parts), score="accuracy", n_resamples=400, factor=1)
        covered += found.low <= 0.1 <= found.high
    # 3 binomial standard deviations are .038.
    assert 0.91 <= covered / trials <= 0.985


@pytest.mark.slow
def test_chance_likeness_counts_twice():
    # Persons i and j are alike by chance; a model does better on whoever is like those it
    # learned from. Every pair then enters both as (i taught, j tested) and the other way
    # round, and plain resampling of tests sees half of the variance: it should reject
    # in 2 (1 - Phi(1.96 / sqrt 2)) = 16.6%, the widened interval in 5%.
    rng = np.random.default_rng(9)
    trials, n, found = 150, 12, {1.0: 0, 2.0: 0}
    for _ in range(trials):
        alike = np.triu(rng.normal(size=(2 * n, 2 * n)), 1)
        alike += alike.T
        parts = []
        for number, (own, other) in enumerate((SIDES, SIDES[::-1])):
            mine = np.arange(n) + n * number
            strangers = (mine + n) % (2 * n)
            for name, teachers in ((f"mono_{own}", mine), (f"{other}_to_{own}", strangers)):
                rate = np.clip(0.5 + 0.15 * alike[np.ix_(mine, teachers)].sum(1) / n**0.5, 0, 1)
                person = np.repeat(mine, 60)
                wrong = (np.tile(np.arange(60), n) >= 60 * np.repeat(rate, 60)).astype(int)
                truth = np.zeros(len(person), int)
                parts.append(cell(f"ethnicity.{name}-draw0-seed0", person, truth, wrong))
        for factor in found:
            outcome = own_group_advantage(
                join(*parts), score="accuracy", n_resamples=400, factor=factor
            )
            found[factor] += outcome.excludes_zero
    # 3 binomial standard deviations are .091 and .053.
    assert found[1.0] / trials > 0.075
    assert found[2.0] / trials < 0.05 + 0.053


def test_a_given_factor_multiplies_the_variance():
    made = join(*square(np.random.default_rng(10), gain=0.1))
    plain, wide = (own_group_advantage(made, score="accuracy", factor=f) for f in (1, 4))
    assert (plain.factor, wide.factor) == (Factor(1), Factor(4))
    assert wide.standard_error == pytest.approx(2 * plain.standard_error)
    assert wide.high == pytest.approx(wide.estimate + 2 * (plain.high - plain.estimate))


@pytest.mark.parametrize("sizes", [(9, 15), (15, 9)])
def test_the_factor_is_that_of_the_smaller_side_over_all_draws(sizes):
    # The smaller side has 9 persons, 8 of whom are tested in either draw.
    parts, rng = [], np.random.default_rng(11)
    for draw in range(2):
        for number, (own, other) in enumerate((SIDES, SIDES[::-1])):
            person = np.arange(sizes[number]) + 100 * number
            person = np.delete(person, draw)
            truth, guess = np.zeros(len(person), int), rng.integers(0, 2, len(person))
            for name in (f"mono_{own}", f"{other}_to_{own}"):
                parts.append(cell(f"ethnicity.{name}-draw{draw}-seed0", person, truth, guess))
    found = own_group_advantage(join(*parts), classifier="ststnet")
    assert found.factor == variance_factor.of(variance_factor.ADVANTAGE, "ststnet", 9)
    assert found.factor != variance_factor.of(variance_factor.ADVANTAGE, "ststnet", 8)


def test_persons_whom_draws_test_on_either_side_are_a_stratum_of_their_own():
    # Of persons 0 to 3 the first side tests 0, 1 and then 0, 2: 1 and 2 are tested on both.
    parts = []
    for draw, halves in enumerate((([0, 1], [2, 3]), ([0, 2], [1, 3]))):
        for (own, other), person in zip((SIDES, SIDES[::-1]), halves, strict=True):
            for name in (f"mono_{own}", f"{other}_to_{own}"):
                run = f"placebo.{name}-draw{draw}-seed0"
                parts.append(cell(run, person, np.zeros(2, int), [0, 1]))
    found = own_group_advantage(join(*parts), "placebo")
    assert (found.n_persons, found.n_strata, found.design) == (4, 3, "paired")


def test_level_and_design_are_kept_and_the_largest_factor_is_that_of_no_classifier():
    made = join(*square(np.random.default_rng(12)))
    wide, narrow = own_group_advantage(made), own_group_advantage(made, level=0.5)
    assert (wide.level, narrow.level) == (0.95, 0.5)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert narrow.design == "paired"
    assert "for a classifier without a name" in narrow.factor.note


@pytest.mark.parametrize(
    ("sides", "found"), [(("a",), "mono_a"), (("a", "b", "c"), "mono_a, mono_b, mono_c")]
)
def test_other_numbers_of_sides_than_two_are_named(sides, found):
    parts = [cell(f"ethnicity.mono_{side}-draw0-seed0", [0], [0], [0]) for side in sides]
    with pytest.raises(ValueError, match=f"two mono_ cells, found {found}$"):
        own_group_advantage(join(*parts))
