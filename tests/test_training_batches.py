import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.protocols import leave_one_out
from ethnicmer_jax.protocols.clip_sets import ClipSets
from ethnicmer_jax.training import batches


def folds(sizes=(1, 3, 6)):
    unit = np.repeat([f"a/{i}" for i in range(len(sizes))], sizes)
    return leave_one_out(RunId(cell="loso", seed=0), unit, np.ones(len(unit), bool))


def order(epoch, row):
    return epoch.index[row][epoch.weight[row] > 0].tolist()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.integers(1, 7), st.integers(0, 3))
def test_every_training_clip_is_seen_once_and_no_other(sizes, batch, number):
    table = folds(sizes)
    made = batches.epoch(table, number, batch, batches.steps_per_epoch(table, batch))
    for row, train in enumerate(table.train):
        assert sorted(order(made, row)) == np.flatnonzero(train).tolist()
        # What fills a batch up may enter nothing, but even it is a training clip.
        assert train[made.index[row]].all()
        assert made.steps[row] == -(-train.sum() // batch)
        assert (made.weight[row, : made.steps[row]].sum(1) > 0).all()
        assert made.weight[row, made.steps[row] :].sum() == 0


def test_orders_differ_from_epoch_to_epoch_and_repeat():
    table = folds()
    one, again, other = (batches.epoch(table, number, 4, 3) for number in (0, 0, 1))
    assert np.array_equal(one.index, again.index)
    assert order(one, 0) != order(other, 0)


def test_an_order_follows_the_fold_and_not_its_place():
    table = folds()
    whole = batches.epoch(table, 0, 4, 3)
    part = batches.epoch(table.select([2, 0]), 0, 4, 5)
    assert order(part, 0) == order(whole, 2)
    assert order(part, 1) == order(whole, 0)


def test_an_order_follows_seed_run_and_name():
    table = folds((4, 4))
    same_clips = [
        table.select([0]),
        dataclasses.replace(table.select([0]), seed=np.array([1])),
        dataclasses.replace(table.select([0]), run=np.array(["other"])),
        dataclasses.replace(table.select([0]), fold=np.array(["b-9"])),
    ]
    found = {tuple(order(batches.epoch(t, n, 4, 1), 0)) for t in same_clips for n in range(3)}
    # 24 orders of 4 clips: 12 streams of which at most a few may coincide.
    assert len(found) > 6
    assert len({batches.identity(t, 0) for t in same_clips}) == 4


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(-1, 3), min_size=4, max_size=20), st.integers(0, 10**6))
def test_balancing_weights_are_scikit_learn_s(labels, seed):
    labels = np.array(labels)
    train = np.random.default_rng(seed).random((2, len(labels))) < 0.7
    made = batches.balancing_weights(labels, 5, ClipSets.of(train, len(labels)))
    for row, mask in enumerate(train):
        mine = labels[mask & (labels >= 0)]
        present = np.unique(mine)
        expected = np.zeros(5)
        if len(mine):
            expected[present] = compute_class_weight("balanced", classes=present, y=mine)
        np.testing.assert_allclose(made[row], expected, rtol=1e-6)


def test_log_shares_are_of_the_training_clips_and_finite():
    table = folds((2, 2, 4))
    labels = np.array([0, 0, 1, 1, 0, 0, 0, 2])
    found = batches.log_shares(labels, 4, table.train)
    counts = [[3, 2, 1, 0.5], [5, 0.5, 1, 0.5], [2, 2, 0.5, 0.5]]
    expected = np.array([np.array(row) / sum(row) for row in counts])
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-6)
