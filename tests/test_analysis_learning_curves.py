"""Training curves: the mean and band of each epoch, and which curves share an axis."""

import pandas as pd
import pytest

from ethnicmer_jax.analysis import learning_curves


def test_curves_whose_names_end_alike_share_an_axis_and_words_are_no_curve():
    rows = [
        {"epoch": epoch, "flight": flight, "run": None, "phase": "a", "nothing": None}
        | {"loss": epoch + flight / 10, "final_loss": 1.0, "accuracy": 0.5}
        for epoch in (0, 1)
        for flight in range(11)
    ]
    families = learning_curves.families(pd.DataFrame(rows))
    assert list(families) == ["loss", "accuracy"]
    points = families["loss"].set_index(["series", "x"])
    assert set(points.index.get_level_values("series")) == {"loss", "final loss"}
    # Values 1.0, 1.1, ..., 2.0: the central 90% lie between 1.05 and 1.95.
    assert points.loc[("loss", 1)].tolist() == pytest.approx([1.5, 1.05, 1.95])


def test_without_scalars_there_is_no_curve():
    nothing = pd.DataFrame({"epoch": [], "flight": [], "run": []})
    assert learning_curves.families(nothing) == {}
