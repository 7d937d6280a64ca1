"""The findings of a job: each number belongs to the arm that it stands beside."""

import pandas as pd
import pytest
import report_workdir

from ethnicmer_jax.analysis.job_findings import JobFindings
from ethnicmer_jax.base.predictions import Predictions

MEMBERS = {"Asian": "asian", "White": "non_asian", "Black": "non_asian"}


def table(rates):
    """Rows of several arms of one run each, in this order, recognising at different rates."""
    for arm, rate in rates.items():
        yield report_workdir.table((f"{arm}-draw0-seed0",), hit_rate=rate)


@pytest.mark.parametrize("order", [("good", "bad", "fair"), ("bad", "fair", "good")])
def test_every_number_of_an_arm_is_its_own_whatever_the_order(order):
    rates = {"good": 1.0, "fair": 0.6, "bad": 0.0}
    rows = pd.concat(table({arm: rates[arm] for arm in order}))
    found = JobFindings.of(Predictions.from_table(rows), MEMBERS)
    for number, arm in enumerate(order):
        part = rows[rows["run"].str.startswith(arm)]
        alone = JobFindings.of(Predictions.from_table(part), MEMBERS)
        together = found.scores[found.scores["arm"] == arm].reset_index(drop=True)
        assert together.equals(alone.scores.reset_index(drop=True))
        assert found.arms.loc[arm, "uf1"] == alone.arms.loc[arm, "uf1"]
        assert (found.confusions[arm].counts == alone.confusions[arm].counts).all()
        said = alone.conclusions[0].replace("Pooled UF1", f"Pooled UF1 of {arm}")
        assert found.conclusions[number] == said
