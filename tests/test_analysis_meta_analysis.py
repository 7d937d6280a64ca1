"""One estimate from several databases: a published example, and what more databases do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethnicmer_jax.analysis import meta_analysis
from ethnicmer_jax.analysis.intervals import Interval

# Colditz et al. 1994: the 13 trials of BCG vaccine against tuberculosis, (ill, well) among the
# vaccinated and among the others.
BCG = (
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619),
    (33, 5036, 47, 5761), (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892),
    (29, 7470, 45, 7232), (17, 1699, 65, 1600), (186, 50448, 141, 27197), (5, 2493, 3, 2338),
    (27, 16886, 29, 17825),
)  # fmt: skip


def one(estimate, error=0.1, n=16, level=0.95):
    """An estimate with its standard error; bounds as the normal distribution has them."""
    low, high = estimate - 1.96 * error, estimate + 1.96 * error
    return Interval(estimate, low, high, error, level, n, 1000, n_strata=2, p_value=0.04)


def bcg(trials=BCG):
    made = {}
    for number, (a, b, c, d) in enumerate(trials):
        ratio = np.log((a / (a + b)) / (c / (c + d)))
        variance = 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)
        made[f"trial{number}"] = one(float(ratio), float(np.sqrt(variance)), n=10_000)
    return made


def test_the_trials_of_bcg_vaccine():
    found = meta_analysis.pooled(bcg())
    # Cochran's Q of the log risk ratios is 152.23 on 12 degrees, I² from it 92.1%
    # (Viechtbauer 2010, table of the same 13 trials); Paule and Mandel's tau2 is .318.
    assert found.q == pytest.approx(152.233, abs=1e-3)
    assert found.i2 == pytest.approx(0.9212, abs=1e-4)
    assert found.q_p < 1e-20
    assert found.tau2 == pytest.approx(0.318, abs=1e-3)
    assert found.estimate == pytest.approx(-0.715, abs=1e-3)
    # With Paule and Mandel's tau2, Hartung and Knapp's scale is 1: t(12) = 2.179 errors of .181.
    assert found.elsewhere.high - found.estimate == pytest.approx(2.179 * 0.181, abs=2e-3)


def test_two_equal_databases_by_hand():
    found = meta_analysis.pooled({"a": one(0.1, n=18), "b": one(0.3, n=18)})
    # Q = 2 (.1 / .1)² = 2; the equation Q(tau2) = 1 gives tau2 = .02 - .01 = .01.
    assert found.q == pytest.approx(2)
    assert found.tau2 == pytest.approx(0.01, abs=1e-4)
    assert found.i2 == pytest.approx(0.5)
    assert found.estimate == pytest.approx(0.2)
    assert found.weights == {"a": pytest.approx(0.5), "b": pytest.approx(0.5)}
    # These two: errors add in squares, 16 + 16 degrees of freedom. Others: sqrt(.02 / 2) and 1.
    assert found.high - 0.2 == pytest.approx(2.0369 * 0.1 / np.sqrt(2), abs=1e-4)
    assert found.elsewhere.high - 0.2 == pytest.approx(12.706 * 0.1, rel=1e-2)


def test_of_one_database_it_is_that_databases():
    only = one(0.2)
    found = meta_analysis.pooled({"a": only})
    assert (found.estimate, found.low, found.high) == (only.estimate, only.low, only.high)
    assert found.p_value == only.p_value
    assert np.isnan([found.tau2, found.i2, found.q, found.elsewhere.low]).all()


def test_of_none_there_is_none():
    assert meta_analysis.pooled({}) is None
    assert meta_analysis.pooled({"a": one(np.nan)}) is None


@pytest.mark.parametrize("odd", [one(0.5, np.nan), one(0.5, 0.0), one(np.nan)])
def test_a_database_without_an_error_changes_nothing_but_is_named(odd):
    found = meta_analysis.pooled({"a": one(0.1), "b": one(0.3)})
    with_odd = meta_analysis.pooled({"a": one(0.1), "b": one(0.3), "odd": odd})
    assert with_odd.left_out == ("odd",)
    assert (with_odd.estimate, with_odd.low, with_odd.tau2) == (
        found.estimate,
        found.low,
        found.tau2,
    )


estimates = st.floats(-1, 1)
errors = st.floats(0.01, 0.5)


@given(estimate=estimates, error=errors, n=st.integers(4, 40), k=st.integers(1, 6))
def test_each_database_of_the_same_advantage_narrows_the_interval(estimate, error, n, k):
    width = [
        found.high - found.low
        for count in (k, k + 1)
        for found in [meta_analysis.pooled({str(i): one(estimate, error, n) for i in range(count)})]
    ]
    assert k == 1 or width[1] < width[0]


@given(st.lists(st.tuples(estimates, errors), min_size=2, max_size=6))
def test_the_mean_lies_among_the_estimates_and_no_interval_is_narrower_than_of_one_truth(rows):
    inside = {str(i): one(estimate, error) for i, (estimate, error) in enumerate(rows)}
    found = meta_analysis.pooled(inside)
    values = [estimate for estimate, _ in rows]
    assert min(values) - 1e-9 <= found.estimate <= max(values) + 1e-9
    assert sum(found.weights.values()) == pytest.approx(1)
    assert found.tau2 >= 0
    assert 0 <= found.i2 < 1
    assert 0 <= found.q_p <= 1
    assert found.elsewhere.high - found.elsewhere.low >= found.high - found.low - 1e-9
    one_truth = 2 * 1.95 / np.sqrt(sum(error**-2 for _, error in rows))
    assert found.high - found.low >= one_truth


@given(st.lists(st.tuples(estimates, errors), min_size=1, max_size=5), st.randoms())
def test_the_order_of_databases_does_not_matter(rows, random):
    inside = {str(i): one(estimate, error) for i, (estimate, error) in enumerate(rows)}
    names = list(inside)
    random.shuffle(names)
    first, second = (
        meta_analysis.pooled(inside),
        meta_analysis.pooled({name: inside[name] for name in names}),
    )
    assert first.estimate == pytest.approx(second.estimate, abs=1e-9)
    assert first.high == pytest.approx(second.high, abs=1e-9, nan_ok=True)
