"""The model of correctness and the effect sizes: closed forms, statsmodels, SciPy."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats import multitest
from statsmodels.stats.power import NormalIndPower

from ethnicmer_jax.analysis import correctness, effects
from ethnicmer_jax.base.predictions import Predictions

CLASSES = ("negative", "positive", "surprise")
GROUPS = ("Asian", "White")


def make(right, ethnicity, person=None, emotion="negative", database="samm", run="r"):
    """Clips that are recognised or not."""
    n = len(right)
    emotion = np.broadcast_to(emotion, n)
    truth = np.array([CLASSES.index(name) for name in emotion])
    p = np.full((n, 3), 0.1)
    p[np.arange(n), np.where(right, truth, (truth + 1) % 3)] = 0.8
    return Predictions.from_table(
        pd.DataFrame(
            {
                "run": run,
                "fold": "f",
                "database": database,
                "subject": np.asarray(np.arange(n) if person is None else person).astype(str),
                "clip": np.arange(n).astype(str),
                "emotion": emotion,
                "ethnicity": ethnicity,
                **{f"p_{name}": p[:, i] for i, name in enumerate(CLASSES)},
            }
        )
    )


def fit(made):
    return correctness.group_effect(made, made.table["ethnicity"].to_numpy(object), GROUPS)


def simulate(rng, effect):
    """53 persons as in CASME II + SAMM: 25 Asian; 11 Asian and 17 White."""
    database = np.repeat(["casme2", "samm"], [25, 28])
    ethnicity = np.repeat(["Asian", "White"], [36, 17])
    person = np.repeat(np.arange(53), 1 + rng.negative_binomial(1.2, 0.2, 53))
    emotion = rng.choice(3, len(person), p=[0.68, 0.2, 0.12])
    logit = np.array([1.5, 0.5, 0.3])[emotion] + rng.normal(0, 0.8, 53)[person]
    logit += 0.5 * (database[person] == "samm") + effect * (ethnicity[person] == "Asian")
    right = rng.random(len(person)) < 1 / (1 + np.exp(-logit))
    return make(right, ethnicity[person], person, np.array(CLASSES)[emotion], database[person])


def test_without_clusters_or_covariates_it_is_the_log_odds_ratio_of_the_table():
    # 24 of 40 against 12 of 40, one clip a person: log((24/16) / (12/28)).
    right = np.repeat([1, 0, 1, 0], [24, 16, 12, 28]).astype(bool)
    effect = fit(make(right, np.repeat(["Asian", "White"], 40)))
    assert effect.log_odds == pytest.approx(math.log((24 / 16) / (12 / 28)))
    # Woolf's standard error; Mancl and DeRouen's correction inflates it a little.
    woolf = math.sqrt(1 / 24 + 1 / 16 + 1 / 12 + 1 / 28)
    assert woolf < effect.standard_error < 1.06 * woolf
    assert effect.odds_ratio == pytest.approx((3.5, math.exp(effect.low), math.exp(effect.high)))
    assert (effect.df, effect.n_clips, effect.n_persons) == (78, 80, 80)


def test_terms_are_those_of_statsmodels_glm_without_clusters():
    made = simulate(np.random.default_rng(0), 0.7)
    singles = make(
        made.predicted == made.emotion_index,
        made.table["ethnicity"],
        None,
        made.table["emotion"].to_numpy(object),
        made.table["database"].to_numpy(object),
    )
    table = singles.table
    X = pd.DataFrame(
        {
            "intercept": 1.0,
            "group": (table["ethnicity"] == "Asian").astype(float),
            "emotion_positive": (table["emotion"] == "positive").astype(float),
            "emotion_surprise": (table["emotion"] == "surprise").astype(float),
            "database_samm": (table["database"] == "samm").astype(float),
        }
    )
    right = (singles.predicted == singles.emotion_index).astype(float)
    reference = sm.GLM(right, X, family=sm.families.Binomial()).fit()
    terms = fit(singles).terms["log_odds"]
    pd.testing.assert_series_equal(terms[X.columns], reference.params, rtol=1e-4, check_names=False)


def test_it_holds_its_level_and_finds_a_large_effect():
    rng = np.random.default_rng(1)
    null = [fit(simulate(rng, 0.0)) for _ in range(80)]
    p = np.array([effect.p_value for effect in null])
    assert np.isnan(p).mean() <= 0.05
    # .041 in 1,000 simulations (module docstring); 5% plus 3 binomial sd of 80.
    assert np.nanmean(p <= 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 80)
    found = [fit(simulate(rng, -3.0)).high < 0 for _ in range(12)]
    assert np.mean(found) >= 0.8


def test_more_runs_do_not_feign_more_data():
    made = simulate(np.random.default_rng(2), 0.5)
    tripled = [made.table.assign(run=f"s{i}") for i in range(3)]
    one, three = fit(made), fit(Predictions.from_table(pd.concat(tripled)))
    assert three.standard_error == pytest.approx(one.standard_error)
    assert three.p_value == pytest.approx(one.p_value)
    assert three.n_clips == one.n_clips


def test_a_group_that_is_a_database_is_not_separable():
    right = np.tile([True, False], 20)
    ethnicity = np.repeat(["Asian", "White"], 20)
    effect = fit(make(right, ethnicity, database=np.repeat(["casme2", "samm"], 20)))
    assert effect.problem == "group is not separable from database and class"
    assert math.isnan(effect.p_value)
    assert math.isnan(effect.odds_ratio[0])


@pytest.mark.parametrize(
    ("right", "ethnicity", "problem"),
    [
        (
            [1, 1, 1, 0, 1, 0],
            ["Asian"] * 3 + ["White"] * 3,
            "group Asian is always recognised where both groups are",
        ),
        (
            [1, 0, 1, 0, 0, 0],
            ["Asian"] * 3 + ["White"] * 3,
            "group White is never recognised where both groups are",
        ),
        ([1, 0, 1], ["Asian"] * 3, "no clip of group White can tell"),
        ([1, 1], ["Asian", "White"], "no clip of group Asian can tell"),
        ([1, 0, 1, 0], ["Asian", "Asian", "White", "White"], ""),
    ],
)
def test_a_sample_that_cannot_tell_says_why(right, ethnicity, problem):
    assert fit(make(np.array(right, bool), ethnicity)).problem == problem


def test_two_persons_are_too_few():
    effect = fit(make([True, False, True, False], ["Asian"] * 2 + ["White"] * 2, [0, 0, 1, 1]))
    assert effect.problem == "too few persons in the databases that hold both groups"


def test_a_class_that_is_always_recognised_says_nothing_about_the_group():
    made = simulate(np.random.default_rng(3), 0.5)
    rest = made.table[made.table["emotion"] != "surprise"]
    surprises = made.table[made.table["emotion"] == "surprise"]
    certain = surprises.assign(p_negative=0.1, p_positive=0.1, p_surprise=0.8)
    with_them = fit(Predictions.from_table(pd.concat([rest, certain])))
    without = fit(Predictions.from_table(rest))
    assert with_them.log_odds == pytest.approx(without.log_odds)
    assert with_them.n_clips == without.n_clips


def test_cohen_h_has_known_values():
    # asin(sqrt(1/2)) = pi/4, asin(1) = pi/2.
    assert effects.cohen_h(1.0, 0.5) == pytest.approx(math.pi / 2)
    assert effects.cohen_h(0.3, 0.3) == 0


@given(st.integers(0, 30), st.integers(0, 30))
def test_exchanging_the_samples_inverts_the_odds_ratio(a, b):
    there, back = effects.odds_ratio((a, b), (30, 30)), effects.odds_ratio((b, a), (30, 30))
    assert there.estimate == pytest.approx(1 / back.estimate)
    assert (there.low, there.high) == pytest.approx((1 / back.high, 1 / back.low))
    assert there.low < there.estimate < there.high


def test_the_odds_ratio_is_that_of_statsmodels():
    table = sm.stats.Table2x2(np.array([[8, 25], [3, 22]]) + 0.5)
    ours = effects.odds_ratio((8, 3), (33, 25))
    assert ours.estimate == pytest.approx(table.oddsratio)
    assert (ours.low, ours.high) == pytest.approx(table.oddsratio_confint())


@given(st.integers(1, 60), st.data())
def test_wilson_is_that_of_scipy(total, data):
    hits = data.draw(st.integers(0, total))
    reference = scipy_stats.binomtest(hits, total).proportion_ci(method="wilson")
    assert effects.wilson_interval(hits, total) == pytest.approx(tuple(reference), abs=1e-9)


def test_wilson_of_no_clips_is_undefined():
    assert all(map(math.isnan, effects.wilson_interval(0, 0)))


def test_holm_by_hand():
    # Sorted .01, .02, .04 times 3, 2, 1: .03, .04, .04. The NaN is no test.
    table = effects.holm([0.04, math.nan, 0.01, 0.02])
    np.testing.assert_allclose(table["p_holm"], [0.04, math.nan, 0.03, 0.04])
    assert list(table["reject"]) == [True, False, True, True]
    assert effects.holm([math.nan])["reject"].sum() == 0


def test_holm_is_that_of_statsmodels():
    p_values = np.random.default_rng(5).beta(0.3, 3, 25)
    reject, adjusted, *_ = multitest.multipletests(p_values, 0.05, method="holm")
    table = effects.holm(p_values)
    np.testing.assert_allclose(table["p_holm"], adjusted)
    np.testing.assert_array_equal(table["reject"], reject)
    assert 0 < reject.sum() < 25


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_lowers_a_p_value_nor_changes_their_order(p_values):
    table = effects.holm(p_values)
    assert (table["p_holm"] >= table["p"]).all()
    assert table.sort_values("p")["p_holm"].is_monotonic_increasing


def test_the_smallest_detectable_effect_has_the_power_it_promises():
    # Two means of unit variance, 50 each: the standard error is sqrt(2 / 50).
    found = effects.minimum_detectable(math.sqrt(2 / 50))
    assert NormalIndPower().power(found, 50, 0.05) == pytest.approx(0.8, abs=1e-4)
    assert effects.minimum_detectable(0.1) == pytest.approx((1.959964 + 0.841621) * 0.1)
    assert effects.minimum_detectable(0.1, df=10) > effects.minimum_detectable(0.1)


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.32, "p = .32"),
        (0.032, "p = .032"),
        (1.0, "p = 1.00"),
        (1e-5, "p < .001"),
        (float("nan"), "p n/a"),
    ],
)
def test_p_values_are_written_as_papers_do(p, text):
    assert effects.p_text(p) == text
