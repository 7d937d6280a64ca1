import numpy as np
import pytest

from ethnicmer_jax.data import within_database

RNG = np.random.default_rng(0)
FLOW = RNG.normal(size=(2, 6, 4, 4, 3)).astype(np.float32)
DATABASE = np.array([0, 0, 0, 1, 1, -1])
TRAIN = np.array([True, True, False, True, True, False])


def test_training_clips_of_each_database_have_mean_0_and_deviation_1():
    made = within_database.standardised(FLOW, DATABASE, 2, TRAIN)
    for number in (0, 1):
        own = made[:, TRAIN & (number == DATABASE)]
        assert own.mean((0, 1)) == pytest.approx(0, abs=1e-5)
        assert own.std(axis=(0, 1, 2, 3)) == pytest.approx(1, abs=1e-5)


def test_a_shift_and_a_factor_of_a_database_are_taken_out():
    shifted = FLOW.copy()
    shifted[:, DATABASE == 1] = 3 * shifted[:, DATABASE == 1] + np.float32(0.7)
    one, other = (within_database.standardised(x, DATABASE, 2, TRAIN) for x in (FLOW, shifted))
    assert other[:, DATABASE >= 0] == pytest.approx(one[:, DATABASE >= 0], abs=1e-4)


def test_held_out_clips_have_no_say():
    other = FLOW.copy()
    other[:, ~TRAIN] += 5
    for one, two in zip(
        within_database.statistics(FLOW, DATABASE, 2, TRAIN),
        within_database.statistics(other, DATABASE, 2, TRAIN),
        strict=True,
    ):
        assert np.array_equal(one, two)


def test_a_database_that_nobody_trains_on_has_the_statistics_of_all():
    train = TRAIN & (DATABASE == 0)
    mean, inverse = within_database.statistics(FLOW, DATABASE, 2, train)
    assert np.array_equal(mean[1], mean[2])
    assert np.array_equal(inverse[1], inverse[2])
    assert np.array_equal(mean[0], mean[2])


def test_without_training_clips_nothing_is_standardised():
    nobody = np.zeros(6, bool)
    assert np.array_equal(within_database.standardised(FLOW, DATABASE, 2, nobody), FLOW)


def test_a_channel_without_motion_stays_0():
    still = FLOW.copy()
    still[..., 2] = 0
    assert (within_database.standardised(still, DATABASE, 2, TRAIN)[..., 2] == 0).all()
