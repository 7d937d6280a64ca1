"""The cells of a study, counted from its runs."""

import numpy as np
import pytest
import study_world

from ethnicmer_jax.analysis.study import controls
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.base.predictions import Predictions


@pytest.fixture(scope="module")
def runs():
    return StudyRuns.of(Predictions.from_table(study_world.table({}, draws=2, seeds=2)))


def test_contrasts_know_their_cells_and_sides(runs):
    assert runs.sides("ethnicity") == study_world.SIDES
    assert runs.sides("placebo") == ("a", "b")
    assert runs.crossed("database")
    assert not runs.crossed("reference")
    assert not runs.has("pooled")
    assert set(runs.cells("flipped")) == {
        *("mono_asian", "mono_non_asian", "asian_to_non_asian", "non_asian_to_asian")
    }


def test_counts_and_rows_are_those_of_the_named_cells(runs):
    counts = runs.counts("ethnicity", "mono_asian")
    rows = runs.select("ethnicity", "mono_asian")
    assert len(counts.runs) == len(rows.runs) == 4
    assert counts.matrices.sum() == len(rows)
    assert rows.table.run.str.startswith("ethnicity.mono_asian-").all()
    assert len(runs.values("ethnicity", "stereo")) == 2
    by_seed = runs.table.query("part == 'ethnicity' and cell == 'stereo' and draw == 1").uf1
    assert runs.values("ethnicity", "stereo")[1] == pytest.approx(by_seed.mean())


def test_within_and_sensitivity_pick_their_contrasts():
    parts = ["ethnicity", "within_samm", "within_samm_reference_grouping", "reference_grouping"]
    assert controls.within(parts) == ["within_samm"]
    assert controls.sensitivity([*parts, "flipped"]) == ["flipped", "reference_grouping"]


def test_placebo_differences_are_one_a_draw(runs):
    null = controls.placebo_arms(runs)
    table = runs.table.query("part == 'placebo'").groupby(["cell", "draw"]).uf1.mean()
    np.testing.assert_allclose(null, table["mono_a"] - table["mono_b"])
