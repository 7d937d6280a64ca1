import numpy as np
import pandas as pd
import pytest

from ethnicmer_jax.analysis import gaps
from ethnicmer_jax.base.predictions import Predictions

MEMBERS = {"Asian": "asian", "White": "non_asian"}
CLASSES = ("negative", "positive", "surprise")
PEOPLE = [("casme2", f"s{i}", "Asian") for i in range(6)] + [
    ("samm", f"s{i}", "White") for i in range(6)
]


def arm(right):
    """Clips of 12 persons; `right` says of a database and a clip whether it is recognised."""
    rows = []
    for database, subject, ethnicity in PEOPLE:
        for clip in range(6):
            truth = clip % 3
            said = truth if right(database, clip) else (truth + 1) % 3
            p = np.full(3, 0.1)
            p[said] = 0.8
            rows.append(("loso-seed0", f"{database}-{subject}", database, subject, f"c{clip}",
                         CLASSES[truth], ethnicity, *p))  # fmt: skip
    names = ["run", "fold", "database", "subject", "clip", "emotion", "ethnicity"]
    return Predictions.from_table(
        pd.DataFrame(rows, columns=[*names, *(f"p_{name}" for name in CLASSES)])
    )


ALL = arm(lambda database, clip: True)
HALF = arm(lambda database, clip: database == "casme2" or clip < 3)
OTHER = arm(lambda database, clip: database == "samm" or clip < 3)


def test_a_gap_is_the_difference_between_the_two_sides():
    found = gaps.columns(HALF, None, MEMBERS)
    assert found["database_sides"] == "casme2 minus samm"
    assert found["group_sides"] == "asian minus non_asian"
    # In samm three of six clips are right, one of each class.
    assert found["database_gap"] == found["group_gap"] == pytest.approx(0.5)
    assert "database_gap_change" not in found


def test_a_gap_that_closes_narrows_by_what_it_was():
    assert gaps.columns(ALL, HALF, MEMBERS)["database_gap_change"] == pytest.approx(-0.5)
    assert gaps.columns(HALF, ALL, MEMBERS)["database_gap_change"] == pytest.approx(0.5)


def test_a_gap_that_turns_round_is_as_wide():
    assert gaps.columns(OTHER, HALF, MEMBERS)["group_gap_change"] == pytest.approx(0)


def test_more_or_fewer_than_two_sides_have_no_gap():
    assert gaps.columns(HALF, None, {}) == {
        name: value
        for name, value in gaps.columns(HALF, None, MEMBERS).items()
        if "database" in name
    }


def test_other_clips_are_not_compared():
    fewer = HALF.select(HALF.table["clip"].to_numpy() != "c0")
    assert "database_gap_change" not in gaps.columns(HALF, fewer, MEMBERS)
