import dataclasses

import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethnicmer_jax.base.run_id import FINAL, RunId
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols import FoldTable, leave_one_out
from ethnicmer_jax.protocols.clip_sets import ClipSets
from ethnicmer_jax.protocols.fold_table import from_rows

UNITS = np.array(["a/1", "a/1", "a/2", "b/1"])
ALL = np.ones(4, bool)
LOSO = RunId(cell="loso", seed=0)


def test_each_unit_is_held_out_once_and_as_a_whole():
    table = leave_one_out(RunId(cell="loso", seed=7), UNITS, ALL).check()
    # a/1 and b/1 share a subject code and are two persons.
    assert table.fold.tolist() == ["a-1", "a-2", "b-1"]
    assert table.test.dense().tolist() == [
        [True, True, False, False],
        [False, False, True, False],
        [False, False, False, True],
    ]
    assert np.array_equal(table.train.dense(), ~table.test.dense())
    assert table.names == ["loso-seed7/a-1", "loso-seed7/a-2", "loso-seed7/b-1"]
    assert set(table.seed) == {7}


def test_clips_outside_the_pool_are_neither_trained_on_nor_tested():
    table = leave_one_out(LOSO, UNITS, np.array([True, False, True, True]))
    assert not (table.train.union() | table.test.union())[1]


def test_another_pool_to_learn_from_never_contains_the_unit_held_out():
    pool = np.array([True, True, False, True])
    table = leave_one_out(LOSO, UNITS, np.array([True, True, True, False]), pool).check()
    assert table.fold.tolist() == ["a-1", "a-2"]
    assert table.train.dense().tolist() == [[False, False, False, True], [True, True, False, True]]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 4)), min_size=1, max_size=12))
def test_folds_cover_every_clip_once_and_never_share_a_unit(persons):
    unit = np.array([f"{database}/{subject}" for database, subject in persons])
    if len(set(unit)) < 2:
        with pytest.raises(UserError, match="at least two"):
            leave_one_out(LOSO, unit, np.ones(len(unit), bool))
        return
    table = leave_one_out(LOSO, unit, np.ones(len(unit), bool)).check()
    assert (table.test.dense().sum(0) == 1).all()
    for train, test in zip(table.train, table.test, strict=True):
        assert not set(unit[train]) & set(unit[test])
        assert len(set(unit[test])) == 1


def two_folds(**changes):
    sets = ClipSets.of(~np.eye(2, dtype=bool), 2), ClipSets.of(np.eye(2, dtype=bool), 2)
    table = FoldTable(np.array(["r"] * 2), np.array(["x", "y"]), *sets, np.zeros(2, np.int64))
    return dataclasses.replace(table, **changes)


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        (
            {"train": ClipSets.of(np.ones((2, 2), bool), 2)},
            ValueError,
            "r/x tests on clips that it trains on",
        ),
        ({"fold": np.array(["x", "x"])}, ValueError, "share run and fold"),
        (
            {"train": ClipSets.of(np.zeros((2, 2), bool), 2)},
            UserError,
            "r/x has no clip to learn from",
        ),
        ({"test": ClipSets.of(np.zeros((2, 2), bool), 2)}, UserError, "r/x has no clip to predict"),
    ],
)
def test_the_check_names_the_fault(changes, error, reason):
    two_folds().check()
    with pytest.raises(error, match=reason):
        two_folds(**changes).check()


def test_an_empty_table_is_refused():
    with pytest.raises(UserError, match="no fold at all"):
        two_folds().select([]).check()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"train": ClipSets.of(np.ones((2, 3), bool), 3)}, ValueError),
        ({"train": ClipSets.of(np.ones((3, 2), bool), 2)}, ValueError),
        ({"seed": np.zeros(3, np.int64)}, jaxtyping.TypeCheckError),
        ({"test": np.zeros((2, 2), bool)}, jaxtyping.TypeCheckError),
        ({"fold": np.array("x")}, jaxtyping.TypeCheckError),
    ],
)
def test_columns_belong_together(changes, error):
    with pytest.raises(error):
        two_folds(**changes)


def test_concatenating_and_selecting_keep_rows_together():
    table = two_folds()
    both = FoldTable.concatenate([table, dataclasses.replace(table, run=np.array(["s", "s"]))])
    assert both.names == ["r/x", "r/y", "s/x", "s/y"]
    assert both.select([3]).names == ["s/y"]
    assert np.array_equal(both.select([3]).test.dense(), table.test[[1]])


def test_a_leak_is_found_in_every_pair_of_sets():
    # The same test clips as the fold before, and the same clips to learn from.
    one, other = np.array([True, False]), np.array([False, True])
    for pairs in ([(one, other), (one | other, other)], [(one, other), (one, one)]):
        rows = [(LOSO, f"fold{row}", *pair) for row, pair in enumerate(pairs)]
        with pytest.raises(ValueError, match="loso-seed0/fold1 tests on clips that it trains on"):
            from_rows(rows, 2).check()


def test_a_final_model_predicts_nothing_and_learns_from_something():
    final = RunId(job=FINAL, cell="everybody", seed=0)
    some, none = np.ones(2, bool), np.zeros(2, bool)
    table = from_rows([(final, "everybody", some, none)], 2)
    assert table.check() is table
    assert table.tested.tolist() == []
    with pytest.raises(UserError, match="has no clip to learn from"):
        from_rows([(final, "everybody", none, none)], 2).check()


def test_a_table_of_no_rows_has_the_columns_of_any_other():
    table = from_rows([], 3)
    assert (len(table), table.train.n, table.names) == (0, 3, [])
    assert (table.run.dtype.kind, table.fold.dtype.kind, table.seed.dtype) == ("U", "U", np.int64)


def test_the_same_folds_can_be_another_run():
    table = two_folds(seed=np.full(2, 5))
    other = table.under(RunId(cell="loso", seed=3))
    assert other.names == ["loso-seed3/x", "loso-seed3/y"]
    assert other.seed.tolist() == [3, 3]
    assert other.seed.dtype == np.int64
    assert other.train is table.train


@pytest.mark.parametrize(("units", "found"), [(["a/1", "a/1"], "a/1"), ([], "none")])
def test_one_unit_cannot_be_left_out(units, found):
    with pytest.raises(UserError, match=f"needs at least two, found {found}$"):
        leave_one_out(LOSO, np.array(units, np.str_), np.ones(len(units), bool))


def test_two_subjects_of_one_fold_name_are_refused():
    units = np.array(["a/b-c", "a-b/c", "d/e"])
    with pytest.raises(UserError, match="two subjects share the fold name a-b-c"):
        leave_one_out(LOSO, units, np.ones(3, bool))
