"""What the habit is worth, on answers that can be counted by hand."""

import numpy as np
import pandas as pd
import pytest

from ethnicmer_jax.analysis import habit
from ethnicmer_jax.base import reportable
from ethnicmer_jax.base.predictions import ANSWERS, Predictions
from ethnicmer_jax.base.schema import UserError

CLASSES = ("negative", "positive", "surprise")


def table(truth, answers, person, run="loso-seed0"):
    """Predictions with these answers after every epoch, int [rows, epochs]."""
    answers = np.asarray(answers)
    rows = pd.DataFrame(
        {
            "run": run,
            "fold": [f"casme2-{who}" for who in person],
            "database": "casme2",
            "subject": person,
            "clip": [f"c{number}" for number in range(len(truth))],
            "emotion": [CLASSES[true] for true in truth],
            "ethnicity": "Asian",
        }
    )
    last = np.eye(3)[answers[:, -1]]
    rows = rows.assign(**{f"p_{name}": last[:, i] for i, name in enumerate(CLASSES)})
    rows[ANSWERS] = [" ".join(map(str, row)) for row in answers.tolist()]
    return Predictions.from_table(rows.assign(**{reportable.COLUMN: reportable.REASON}))


def test_the_last_of_equally_good_epochs_is_chosen_in_each_fold():
    # Two persons: a is best after epochs 1 and 2, b after epoch 3.
    predictions = table(
        [0, 1, 2, 0], [[0, 0, 1], [0, 1, 0], [1, 1, 2], [1, 1, 0]], ["a", "a", "b", "b"]
    )
    found = habit.worth(predictions, 3)
    assert found["uar"].chosen.estimate == 1
    assert found["uar"].fixed.estimate == pytest.approx((1 / 2 + 0 + 1) / 3)
    assert found["uf1"].worth.estimate == pytest.approx(
        found["uf1"].chosen.estimate - found["uf1"].fixed.estimate
    )


def test_one_epoch_leaves_nothing_to_choose():
    predictions = table([0, 1, 2], [[0, 1], [1, 1], [0, 2]], ["a", "b", "c"])
    assert habit.worth(predictions, 1)["uf1"].worth.estimate == 0


def test_guessing_gains_by_choosing_and_more_with_more_epochs():
    rng = np.random.default_rng(0)
    person = [f"s{number // 5}" for number in range(200)]
    truth, answers = rng.integers(3, size=200), rng.integers(3, size=(200, 50))
    frame = habit.frame(table(truth, answers, person))
    assert frame.epochs.tolist() == [1, 2, 5, 10, 20, 50]
    assert frame.uf1_chosen.is_monotonic_increasing
    assert frame.uf1_fixed.iloc[-1] < 0.45 < 0.6 < frame.uf1_chosen.iloc[-1]
    assert frame.uf1_worth_low.iloc[-1] > 0
    # One epoch for all is little choice.
    assert frame.uf1_fixed.max() <= frame.uf1_common.iloc[-1] < 0.45
    assert frame.uf1_common.is_monotonic_increasing


@pytest.mark.parametrize("damage", ["0 1", "0 x", "0 7", ""])
def test_damaged_answers_are_said_to_be(damage):
    predictions = table([0, 1], [[0], [1]], ["a", "b"])
    rows = predictions.table.copy()
    rows.loc[0, ANSWERS] = damage
    with pytest.raises(UserError, match="damaged"):
        habit.worth(Predictions.from_table(rows), 1)


def test_without_answers_there_is_nothing_to_say():
    predictions = table([0, 1], [[0], [1]], ["a", "b"])
    with pytest.raises(UserError, match=ANSWERS):
        habit.worth(Predictions.from_table(predictions.table.drop(columns=ANSWERS)), 1)
