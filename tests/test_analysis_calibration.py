"""Rejection rates on simulated databases: their intervals, and no more said than they show."""

import pandas as pd
import pytest

from ethnicmer_jax.analysis.calibration import NOMINAL, conclusions, with_wilson


def counts(rejections, databases, effect=0.0):
    return pd.DataFrame(
        {"series": ["s"], "effect": [effect], "rejections": [rejections], "databases": [databases]}
    )


def test_rejection_rates_carry_wilson_intervals():
    # Wilson 95% of 10 / 200: centre .0594, half width .0322 (Newcombe 1998's formula).
    table = with_wilson(counts(10, 200))
    assert table.loc[0, ["rate", "low", "high"]].tolist() == pytest.approx(
        [0.05, 0.0274, 0.0896], abs=1e-3
    )


@pytest.mark.parametrize("databases", [1, 4, 20, 200, 1000])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.05, 0.08, 0.3, 1.0])
def test_a_rate_is_below_or_above_the_nominal_only_if_its_whole_interval_is(databases, share):
    rates = with_wilson(counts(round(share * databases), databases))
    (sentence,) = conclusions(rates)
    row = rates.iloc[0]
    assert ("above the nominal" in sentence) == (row.low > NOMINAL)
    assert ("below the nominal" in sentence) == (row.high < NOMINAL)
    undecided = row.low <= NOMINAL <= row.high
    assert ("not shown to differ from the nominal 5%." in sentence) == undecided
    assert ("conservative" in sentence) == (row.high < NOMINAL)


def test_power_is_said_of_the_smallest_effect_that_is_found():
    rates = pd.DataFrame(
        {"series": "s", "effect": [0.0, 0.5, 1.0], "rejections": [1, 41, 50], "databases": 50,
         "rate": [0.02, 0.82, 1.0], "low": [0.0, 0.69, 0.93], "high": [0.1, 0.9, 1.0]}
    )  # fmt: skip
    assert conclusions(rates)[1] == "s: power 82% [69%, 90%] at effect .5 (50 databases)."
    assert (
        "no effect that was tried"
        in conclusions(rates[rates.effect < 0.5].assign(effect=[0.2]))[-1]
    )
