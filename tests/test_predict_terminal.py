"""Numbers of predictions on a terminal."""

import pytest

from ethnicmer_jax.predict import terminal


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.0, ">.99"), (0.9957, ">.99"), (0.994, ".99"), (0.87, ".87"), (0.005, ".01"),
     (0.0006, "<.01"), (0.0, "<.01")],
)  # fmt: skip
def test_no_probability_is_shown_as_certain(value, shown):
    assert terminal.confidence(value) == shown


def test_one_network_has_no_spread():
    assert terminal.spread(0.7124, 0.0, 1) == ".712"
    assert terminal.spread(0.7124, 0.0336, 5) == ".712 ± .034"
