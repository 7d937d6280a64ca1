"""The smallest effect that a power curve finds, and how it is said."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethnicmer_jax.analysis import power
from ethnicmer_jax.analysis.calibration import with_wilson


def curve(*rejections, databases=100, effects=(0, 0.25, 0.5, 0.75, 1)):
    rows = {"series": "8 + 8 subjects", "effect": effects[: len(rejections)],
            "rejections": rejections, "databases": databases,
            "mean_estimate": [0.2 * effect for effect in effects[: len(rejections)]]}  # fmt: skip
    return with_wilson(pd.DataFrame(rows))


def test_the_effect_lies_where_the_curve_crosses_80_percent():
    found = power.detectable(curve(5, 20, 60, 100, 100))
    # From 60% at .5 to 100% at .75: half way, and the advantage is a fifth of the effect.
    assert found.effect == pytest.approx(0.625)
    assert found.advantage == pytest.approx(0.125)
    assert found.low < found.effect < found.high


def test_an_effect_that_is_never_found_is_said_so():
    rates = curve(5, 10, 20, 30)
    found = power.detectable(rates)
    assert math.isnan(found.effect)
    assert math.isinf(found.high)
    assert power.sentences(rates)[0] == (
        "With 8 + 8 subjects, no effect up to .75 would be found with 80% power "
        "(at .75: 30% [22%, 40%])."
    )


def test_the_sentence_of_a_plan():
    said, meant = power.sentences(curve(5, 20, 60, 100, 100))
    assert meant.startswith("At effect .5 a clip follows the dialect of its group")
    assert meant.endswith("a mean own-group advantage of +.10 in UF1.")
    assert said.startswith("With 8 + 8 subjects, an effect of .62 [.5")
    assert said.endswith("found with 80% power: a mean own-group advantage of +.12 in UF1.")


def test_chance_dips_are_averaged_out():
    assert power.detectable(curve(5, 82, 78, 90, 95)).effect == pytest.approx(0.25, abs=0.02)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=5))
def test_a_curve_of_any_shape_has_ordered_bounds(rejections):
    found = power.detectable(curve(*rejections, databases=50))
    if not math.isnan(found.effect):
        assert found.low <= found.effect <= found.high
        assert 0 <= found.effect <= 1


@pytest.mark.parametrize(("precision", "databases"), [(0.1, 97), (0.05, 385), (0.45, 5)])
def test_databases_of_a_precision(precision, databases):
    # 1.96² / (4 precision²), rounded up.
    assert power.databases_for(precision) == databases


def test_designs_are_not_averaged_in_what_an_effect_means():
    large = curve(5, 30, 90).assign(series="16 + 16 subjects")
    large["mean_estimate"] *= 2
    said = power.sentences(pd.concat([curve(5, 20, 60), large]))
    assert said[-1].endswith("a mean own-group advantage of +.10 to +.20, by design, in UF1.")


def test_what_an_effect_means_is_never_said_of_no_effect():
    rates = curve(5, 20, 60, 80, 95)
    ends = rates[rates["effect"].isin([0, rates["effect"].max()])]
    assert power.sentences(ends)[-1].startswith("At effect 1 ")
