import time
import tracemalloc

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.protocols import build, leave_one_out
from ethnicmer_jax.protocols.clip_sets import ClipSets

MASKS = arrays.arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 40)))


@settings(deadline=None)
@given(MASKS)
def test_sets_are_the_masks_that_they_were_made_of(masks):
    made = ClipSets.of(masks, masks.shape[1])
    assert np.array_equal(made.dense(), masks)
    assert np.array_equal(made.sizes, masks.sum(1))
    assert np.array_equal(made.union(), masks.any(0))
    assert [made.clips(row).tolist() for row in range(len(made))] == [
        np.flatnonzero(mask).tolist() for mask in masks
    ]
    assert np.array_equal(made[::-1], masks[::-1])
    assert np.array_equal(made[made.sizes > 2], masks[masks.sum(1) > 2])
    assert np.array_equal(made.select([]).dense(), masks[:0])
    assert np.array_equal(ClipSets.concatenate([made, made]).dense(), np.tile(masks, (2, 1)))


@settings(deadline=None)
@given(MASKS, st.integers(0, 10**6))
def test_classes_are_counted_in_every_set(masks, seed):
    labels = np.random.default_rng(seed).integers(-1, 4, masks.shape[1])
    expected = [[int((labels[mask] == k).sum()) for k in range(3)] for mask in masks]
    assert ClipSets.of(masks, masks.shape[1]).counts(labels, 3).tolist() == expected


def test_sets_move_to_other_clips():
    made = ClipSets.of(np.array([[True, True, False], [False, True, True]]), 3)
    assert made.placed(np.array([3, -1, 1]), 4).dense().tolist() == [
        [False, False, False, True],
        [False, True, False, False],
    ]


def test_equal_sets_are_held_once():
    masks = np.eye(3, dtype=bool)
    joint = ClipSets.concatenate([ClipSets.of(masks, 3), ClipSets.of(masks, 3)])
    assert [joint.codes[row] is joint.codes[row + 3] for row in range(3)] == [True] * 3


def test_masks_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match=r"has the shape \(3,\) and not \(4,\)"):
        ClipSets.of(np.ones((1, 3), bool), 4)
    with pytest.raises(ValueError, match="over different clips"):
        ClipSets.concatenate([ClipSets.of(np.ones((1, n), bool), n) for n in (3, 4)])


def test_a_mask_is_the_caller_s_own():
    made = ClipSets.of(np.eye(2, dtype=bool), 2)
    made[0][:] = False
    assert made[0].tolist() == [True, False]


def test_a_table_of_2000_subjects_and_20000_clips_is_small_and_quick():
    # As masks it would take 381 MiB.
    person = np.repeat([f"lab{i % 4}/s{i:04d}" for i in range(2000)], 10)
    start = time.process_time()
    first = leave_one_out(RunId(cell="loso", seed=0), person, np.ones(len(person), bool))
    taken = time.process_time() - start
    tracemalloc.start()
    try:
        again = leave_one_out(RunId(cell="loso", seed=0), person, np.ones(len(person), bool))
        joint = type(again).concatenate(
            [again.under(RunId(cell="loso", seed=seed)) for seed in range(5)]
        )
        joint.check()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(joint) == 5 * len(first) == 10_000
    assert taken < 5
    assert peak < 16 * 2**20


def test_planning_a_study_takes_memory_that_grows_with_what_is_drawn():
    # 442 folds over 6,000 clips would be 5 MiB of masks.
    data = worlds.group_world(300, 300, clips=10)
    protocol = {"protocol__name": "study", "protocol__draws": 3, "protocol__control_draws": 2}
    config = worlds.config(**protocol)
    tracemalloc.start()
    try:
        made = build(config.protocol, data, 0)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(made.folds) == 442
    assert held < 2**20
    assert peak < 3 * 2**20
