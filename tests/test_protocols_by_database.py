import dataclasses

import numpy as np
import pytest
import worlds

from ethnicmer_jax.base.run_id import RunId, databases_of
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols import build

PEOPLE = [
    (name, f"{name[0]}{number}", "Asian") for name in ("one", "two", "three") for number in range(3)
]


def plan(data, name, seed=0, **protocol):
    overrides = {f"protocol__{key}": value for key, value in protocol.items()}
    return build(worlds.config(protocol__name=name, **overrides).protocol, data, seed)


@pytest.fixture(scope="module")
def data():
    return worlds.world(PEOPLE, 3, size=2)


def within(data, mask):
    return set(data.database[mask])


def test_composite_is_loso_over_all_databases(data):
    made, loso = (plan(data, name, seeds=2) for name in ("composite", "loso"))
    assert made.folds.names == loso.folds.names
    assert np.array_equal(made.folds.train.dense(), loso.folds.train.dense())
    assert made.notes == ("composite of One, Three, Two: LOSO over 9 subjects",)


def test_each_database_by_itself_is_a_run_of_loso(data):
    made = plan(data, "single_database", seeds=2)
    runs = [f"single_{name}-seed{seed}" for name in ("one", "three", "two") for seed in (0, 1)]
    assert list(dict.fromkeys(made.folds.run)) == runs
    for run in runs:
        rows = made.folds.select(made.folds.run == run)
        name, _ = databases_of(RunId.parse(run).cell)
        assert len(rows) == 3
        assert within(data, rows.train.union()) == within(data, rows.test.union()) == {name}
        assert np.array_equal(rows.test.union(), data.database == name)
        assert not (rows.train.dense() & rows.test.dense()).any()


def test_every_database_is_tested_by_models_of_every_other(data):
    made = plan(data, "cross_database")
    cells = {}
    for run in dict.fromkeys(made.folds.run):
        rows = made.folds.select(made.folds.run == run)
        trained, tested = databases_of(RunId.parse(run).cell)
        cells[trained, tested] = len(rows)
        assert within(data, rows.train.union()) == {trained}
        assert np.array_equal(rows.test.union(), data.database == tested)
    names = ("one", "three", "two")
    assert cells == {(a, b): 3 if a == b else 1 for a in names for b in names}
    assert made.notes == ("6 pairs of One, Three, Two, and each by LOSO within itself",)


def test_databases_may_be_chosen(data):
    made = plan(data, "cross_database", databases=("one", "two"))
    assert within(data, made.folds.train.union()) == {"one", "two"}
    assert len(made.folds) == 3 + 3 + 2


@pytest.mark.parametrize("name", ["composite", "cross_database"])
def test_one_database_is_not_enough(data, name):
    with pytest.raises(UserError, match=f"{name} needs two databases or more, and there is one a"):
        plan(data, name, databases=("one",))


@pytest.mark.parametrize("protocol", ["single_database", "cross_database"])
@pytest.mark.parametrize("name", ["a.b", "a_to_b", "single_a"])
def test_names_that_a_cell_cannot_hold_are_refused(data, protocol, name):
    named = dataclasses.replace(data, database=np.where(data.database == "one", name, "two"))
    with pytest.raises(UserError, match=f"^database of a cell '{name}' has a meaning of its own"):
        plan(named, protocol)
    assert len(plan(named, "loso").folds) > 1


@pytest.mark.parametrize("protocol", ["single_database", "cross_database"])
def test_a_database_of_one_subject_or_one_class_is_refused(data, protocol):
    one = data.select((data.database != "two") | (data.subject == "t0"))
    with pytest.raises(UserError, match="database two has one subject"):
        plan(one, protocol)
    alike = data.select((data.database != "two") | (data.emotion == 0))
    with pytest.raises(UserError, match="database two has clips of one class alone"):
        plan(alike, protocol)


def test_a_class_that_a_fold_never_trains_on_is_said(data):
    rare = data.select((data.database != "two") | (data.emotion != 2))
    notes = [note for note in plan(rare, "cross_database").notes if "in no training clip" in note]
    assert len(notes) == 1
    assert "5 of 15 folds, which cannot learn it; 2 of them test it" in notes[0]
    assert "two_to_one-seed0/one" in notes[0]
    assert not [
        note for note in plan(data, "cross_database").notes if "in no training clip" in note
    ]
