"""Averaging runs: known means, and what cannot be averaged."""

import numpy as np
import pandas as pd
import pytest

from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import ensemble


def table(run: str, negative: list[float], emotion: str = "negative") -> Predictions:
    """One subject's clips with these probabilities of negative; the rest is positive."""
    p = np.asarray(negative)
    return Predictions.from_table(
        pd.DataFrame(
            {
                "run": run,
                "fold": "samm-006",
                "database": "samm",
                "subject": "006",
                "clip": [f"006_{i}" for i in range(len(p))],
                "emotion": emotion,
                "ethnicity": "White",
                "p_negative": p,
                "p_positive": 1 - p,
                "p_surprise": 0.0,
            }
        )
    )


def test_seeds_of_one_arm_become_one_run_and_draws_stay_apart():
    rows = [
        table("stereo-draw0-seed0", [0.2, 1.0]),
        table("stereo-draw0-seed1", [0.6, 0.0]),
        table("stereo-draw1-seed0", [0.9, 0.9]),
        table("stereo-draw1-seed1", [0.7, 0.5]),
    ]
    mean, members = ensemble.averaged(rows)
    assert members == 2
    assert mean.runs == ("stereo-draw0", "stereo-draw1")
    np.testing.assert_allclose(mean.table["p_negative"], [0.4, 0.5, 0.8, 0.7])


def test_jobs_average_like_seeds():
    mean, members = ensemble.averaged([table("loso-seed0", [0.1]), table("loso-seed0", [0.5])])
    assert (members, mean.runs) == (2, ("loso",))
    np.testing.assert_allclose(mean.table["p_negative"], [0.3])


def test_unequal_numbers_of_predictions_are_refused():
    rows = [table("loso-seed0", [0.1, 0.2]), table("loso-seed1", [0.1])]
    with pytest.raises(UserError, match="006_1 has 1"):
        ensemble.averaged(rows)


def test_labels_that_disagree_are_refused():
    rows = [table("loso-seed0", [0.1]), table("loso-seed1", [0.1], emotion="positive")]
    with pytest.raises(UserError, match="disagree"):
        ensemble.averaged(rows)
