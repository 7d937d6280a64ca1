import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from ethnicmer_jax.base.run_id import INNER, RunId
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols import build


def plan(data, seed=0, **protocol):
    protocol = {"name": "nested"} | protocol
    overrides = {f"protocol__{name}": value for name, value in protocol.items()}
    return build(worlds.config(**overrides).protocol, data, seed)


def inner(folds):
    """The inner rows, and the subject that each of them must not know."""
    names = [RunId.parse(str(run)) for run in folds.run]
    rows = folds.select(np.array([name.job == INNER for name in names]))
    held_out = [name.cell for name in names if name.job == INNER]
    return rows, np.asarray(held_out)


def test_loso_of_every_seed_comes_with_inner_folds_of_the_first():
    data = worlds.group_world(4, 3)
    made = plan(data, seed=3, seeds=2, inner_folds=2)
    loso = build(worlds.config(protocol__seeds=2).protocol, data, 3).folds
    # 7 subjects in 2 seeds; then 2 inner folds beside each of the 7.
    assert len(made.folds) == 7 * 2 + 7 * 2
    for field in ("run", "fold", "train", "test", "seed"):
        first = getattr(made.folds, field)[:14]
        assert np.array_equal(first, getattr(loso, field)), field
    rows, held_out = inner(made.folds)
    assert rows.names[:3] == [
        *("inner.casme2-a00-seed3/fold0", "inner.casme2-a00-seed3/fold1"),
        "inner.casme2-a01-seed3/fold0",
    ]
    assert set(rows.seed) == {3}
    assert set(held_out) == set(loso.fold)
    assert made.notes == (
        "LOSO over 7 subjects; beside each of them 2 inner folds over the others",
    )


@settings(deadline=None, max_examples=15)
@given(st.integers(4, 6), st.integers(4, 5), st.integers(2, 4), st.integers(2, 3))
def test_parts_of_subjects_are_held_out_together(asian, other, parts, folds):
    data = worlds.group_world(asian, other, 3)
    rows, held_out = inner(plan(data, inner_folds=folds, outer_parts=parts).folds)
    assert set(held_out) == {f"part{number}" for number in range(parts)}
    left_out = []
    for name in set(held_out):
        mine = rows.select(held_out == name)
        tested = mine.test.dense()
        assert (tested.sum(0) <= 1).all()
        assert not (mine.train.dense() & tested).any()
        assert np.array_equal(mine.train.dense() | tested, np.tile(tested.any(0), (folds, 1)))
        left_out += sorted(set(data.person[~tested.any(0)]))
    # Every subject is left out of the inner folds of one part.
    assert sorted(left_out) == sorted(set(data.person))


def test_impossible_parts_are_refused():
    for parts in (1, 8):
        with pytest.raises(UserError, match=f"outer_parts is {parts}; with 7 subjects"):
            plan(worlds.group_world(4, 3), inner_folds=2, outer_parts=parts)


@settings(deadline=None, max_examples=25)
@given(st.integers(3, 6), st.integers(2, 5), st.integers(1, 5), st.integers(2, 4), st.integers(0))
def test_inner_folds_never_see_the_subject_held_out(asian, other, clips, folds, seed):
    data = worlds.group_world(asian, other, max(clips, 2))
    made = plan(data, seed=seed % 2**31, inner_folds=folds).folds
    rows, held_out = inner(made)
    names = np.char.replace(data.person, "/", "-")
    for name in set(held_out):
        mine = rows.select(held_out == name)
        own = names == name
        assert not (mine.train.union() | mine.test.union())[own].any()
        # Every other clip is validated once, by a model that has not seen its subject.
        assert np.array_equal(mine.test.dense().sum(0), ~own)
        assert np.array_equal(mine.train.dense() | mine.test.dense(), np.tile(~own, (len(mine), 1)))
        for train, test in zip(mine.train, mine.test, strict=True):
            assert not set(data.person[train]) & set(data.person[test])


def test_classes_are_spread_as_evenly_as_whole_subjects_allow():
    # 13 subjects with a clip of each class: without one, 12 make 4 folds of 3 of each class.
    data = worlds.group_world(7, 6)
    rows, _ = inner(plan(data).folds)
    counts = [np.bincount(data.emotion[test], minlength=3).tolist() for test in rows.test]
    assert counts == [[3, 3, 3]] * (13 * 4)


def test_inner_folds_follow_the_seed():
    data = worlds.group_world(6, 5)
    first, again, other = (plan(data, seed=seed).folds.test[11:] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_class_with_fewer_clips_than_folds_is_no_obstacle(recwarn):
    data = worlds.group_world(4, 3)
    rare = data.select((data.emotion != 2) | (np.arange(len(data)) == 2))
    assert len(plan(rare).folds) == 7 + 7 * 4
    assert not [w for w in recwarn if "splits" in str(w.message)]


@pytest.mark.parametrize(
    ("folds", "reason"),
    [
        (1, "protocol.inner_folds is 1; with 5 subjects it must be 2 to 4"),
        (5, "protocol.inner_folds is 5; with 5 subjects it must be 2 to 4"),
    ],
)
def test_impossible_inner_folds_are_refused(folds, reason):
    with pytest.raises(UserError, match=reason):
        plan(worlds.group_world(3, 2), inner_folds=folds)


def test_too_few_clips_for_the_folds_are_refused():
    data = worlds.group_world(3, 2)
    single = data.select(np.arange(0, len(data), 3) + np.arange(5) % 2)
    with pytest.raises(UserError, match="without casme2-a00 every class has fewer clips"):
        plan(single, inner_folds=4)
