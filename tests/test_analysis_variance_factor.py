"""Variance factors: the table, interpolation, what is not fitted, and the fit itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from configs import common
from ethnicmer_jax.analysis import intervals, variance_factor
from ethnicmer_jax.analysis.effects import ALPHA


@pytest.fixture
def table(monkeypatch):
    """Two classifiers, two sizes."""
    rows = [
        ("ststnet", "advantage", 8, 1.2),
        ("ststnet", "advantage", 16, 1.0),
        ("logistic", "advantage", 8, 1.8),
        ("logistic", "advantage", 16, 1.4),
    ]
    made = pd.DataFrame(rows, columns=["classifier", "quantity", "subjects", "factor"])
    monkeypatch.setattr(variance_factor, "fitted", lambda: made)


def test_between_fitted_sizes_a_factor_is_linear_in_one_over_n(table):
    # 1/n of 32/3 lies half way between those of 16 and 8.
    found = variance_factor.of("advantage", "logistic", 32 / 3)
    assert found.value == pytest.approx(1.6)
    assert found.note == ""


@pytest.mark.parametrize(("subjects", "value", "nearest"), [(5, 1.8, 8), (22, 1.4, 16)])
def test_beyond_fitted_sizes_the_nearest_is_taken_and_said_so(table, subjects, value, nearest):
    found = variance_factor.of("advantage", "logistic", subjects)
    assert found.value == pytest.approx(value)
    assert f"that of {nearest} is taken for {subjects}" in found.note


@pytest.mark.parametrize("classifier", ["", "tiny_vit_5m"])
def test_an_unknown_classifier_gets_the_largest_factor_and_it_is_said_so(table, classifier):
    found = variance_factor.of("advantage", classifier, 8)
    assert found.value == pytest.approx(1.8)
    assert "the largest of ststnet, logistic is taken" in found.note


def test_classifiers_are_named_as_in_the_table():
    config = common.get_config()
    assert variance_factor.classifier_of(config.to_dict()) == "ststnet"
    config.model.fusion = "mtl"
    assert variance_factor.classifier_of(config.to_dict()) == "ststnet with mtl"
    config.classifier = "logistic"
    assert variance_factor.classifier_of(config.to_dict()) == "logistic"
    assert variance_factor.classifier_of({}) == ""


def test_the_table_holds_both_quantities_of_each_classifier_and_size():
    table = variance_factor.fitted()
    assert (table["factor"] >= 1).all()
    assert table["command"].str.startswith("python -m ethnicmer_jax calibrate").all()
    sizes = table.groupby(["classifier", "subjects"])["quantity"].agg(set)
    assert all(found == {"advantage", "one_side"} for found in sizes)


def test_the_critical_factor_is_where_the_interval_reaches_0():
    rng = np.random.default_rng(0)
    for estimate in (0.3, -0.3):
        resampled = estimate + rng.normal(0, 0.1, 500)
        plain = intervals.expanded_percentile(estimate, resampled, n_units=12)
        reached = variance_factor.critical(plain.estimate, plain.low, plain.high)
        for factor, excludes in ((0.99 * reached, True), (1.01 * reached, False)):
            wider = intervals.expanded_percentile(
                estimate, resampled, n_units=12, variance_factor=factor
            )
            assert bool(wider.excludes_zero) == excludes
    assert np.isnan(variance_factor.critical(0.1, np.nan, np.nan))
    assert variance_factor.critical(0.0, -1.0, 1.0) == 0


def test_a_fitted_factor_gives_the_nominal_rate():
    critical = np.append(np.random.default_rng(1).chisquare(1, 400) / 2, np.nan)
    factor = variance_factor.fit(critical, ALPHA)
    assert (critical > factor).mean() == pytest.approx(ALPHA, abs=0.004)
    assert variance_factor.fit(critical / 100, ALPHA) == 1
