"""The advantage within databases, pooled: in worlds of known truth, and on the page."""

import pandas as pd
import pytest
import study_world

from ethnicmer_jax.analysis.study import across_databases, estimates
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.base.contrast_roles import MAIN
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.report.study import sections


@pytest.fixture(scope="module")
def found():
    """The advantages of a world in which ethnicity matters in both of its databases."""
    table = study_world.table(study_world.EVERYWHERE, draws=3)
    parts = ("ethnicity", "within_first", "within_second")
    kept = table[table["run"].str.split(".").str[0].isin(parts)]
    return estimates.advantages(StudyRuns.of(Predictions.from_table(kept)))


def test_two_databases_are_pooled_between_their_estimates(found):
    across = across_databases.analyse(found)
    low, high = sorted(found[f"within_{name}"].estimate for name in study_world.DATABASES)
    assert low <= across.pooled.estimate <= high
    assert across.pooled.low > 0
    assert list(across.rows["label"]) == ["First", "Second", "these databases"]
    assert across.rows["weight"].sum() == pytest.approx(1)
    assert across.sentence.startswith("Pooled over the 2 databases that hold both groups (First, ")
    assert "not shown to differ among themselves" in across.sentence


def test_from_three_laboratories_on_the_plot_shows_laboratories_like_these(found):
    third = {**found, "within_third": found["within_second"]}
    rows = across_databases.analyse(third).rows
    assert list(rows["label"])[3:] == ["these databases", "laboratories like these"]


def test_a_database_that_was_not_compared_changes_nothing(found):
    # A database of one group has no contrast `within_...`: what is there is what counts.
    only = {part: found[part] for part in (MAIN, "within_first")}
    across = across_databases.analyse(only)
    assert across.pooled.estimate == found["within_first"].estimate
    assert across.sentence.startswith("First is the only database with an own-group advantage")
    assert "says nothing about other laboratories" in across.sentence


def test_without_such_a_database_nothing_is_separable(found):
    across = across_databases.analyse({MAIN: found[MAIN]})
    assert across.pooled is None
    assert across.heterogeneity.empty
    assert "not separable from database" in across.sentence
    assert not list(sections.across_databases(across).blocks[0].paragraphs[1:])


def test_the_section_has_the_forest_plot_and_both_tables(found):
    section = sections.across_databases(across_databases.analyse(found))
    kinds = [type(block).__name__ for block in section.blocks]
    assert kinds == ["Prose", "Gallery", "Table", "Table", "Prose"]
    databases, heterogeneity = section.blocks[2:4]
    assert [row[0] for row in databases.rows()] == ["First", "Second"]
    frame = pd.DataFrame(heterogeneity.frame)
    assert frame.loc[0, "databases"] == 2
    assert frame.loc[0, "elsewhere_low"] < frame.loc[0, "low"]
    assert "\\begin{tabular}" in heterogeneity.latex()
