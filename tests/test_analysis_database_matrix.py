import numpy as np
import pandas as pd
import report_workdir

from ethnicmer_jax.analysis import comparisons, database_matrix
from ethnicmer_jax.analysis.job_findings import JobFindings
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.report import job_page

CELLS = {
    "single_casme2-seed0": "casme2",
    "single_samm-seed0": "samm",
    "casme2_to_samm-seed0": "samm",
    "samm_to_casme2-seed0": "casme2",
}


def table():
    """Predictions of every cell, of the database that it tests."""
    rows = report_workdir.table(tuple(CELLS))
    return rows[rows["database"] == rows["run"].map(CELLS)]


def test_cells_become_a_matrix_with_the_scores_of_their_arms():
    found = JobFindings.of(Predictions.from_table(table()), None)
    matrix = found.matrix
    assert list(zip(matrix["train"], matrix["test"], strict=True)) == [
        ("casme2", "casme2"), ("casme2", "samm"), ("samm", "casme2"), ("samm", "samm")]  # fmt: skip
    own = found.arms.loc["casme2_to_samm"]
    cell = matrix.iloc[1]
    for name in ("n_subjects", "n_clips", "uf1", "uf1_low", "uf1_high", "uar", "uar_low"):
        assert cell[name] == own[name]


def test_cells_are_compared_where_they_test_the_same_database():
    made = Predictions.from_table(table())
    group = np.full(len(made), "", object)
    found = comparisons.compare_all(made, group)
    assert [comparison.pair for comparison in found] == [
        ("single_casme2", "samm_to_casme2"),
        ("single_samm", "casme2_to_samm"),
    ]
    assert {comparison.interval.design for comparison in found} == {"paired"}


def test_other_arms_are_no_matrix():
    arms = pd.DataFrame({"arm": ["loso", "mono_asian"]})
    assert database_matrix.compared(arms["arm"]) is None
    found = JobFindings.of(Predictions.from_table(report_workdir.table()), None)
    assert found.matrix.empty
    alone = table()[lambda rows: rows["run"].str.startswith("single_")]
    assert JobFindings.of(Predictions.from_table(alone), None).matrix.empty
    assert database_matrix.compared({"single_casme2", "single_samm"}) == []


def test_the_page_draws_the_matrix_of_uf1_and_uar(tmp_path):
    work = report_workdir.write(tmp_path / "work", table())
    page = job_page.write(work).read_text()
    for score in ("UF1", "UAR"):
        assert f"Heat map of {score}, trained on and tested on: CASME II on CASME II" in page
    assert (work / "report" / "tables" / "databases.csv").is_file()
