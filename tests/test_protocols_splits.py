import dataclasses

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols import build

COLUMN = {"a0": "train", "a1": "train", "a2": "test", "w0": "train", "w1": "test", "w2": ""}


def plan(data, name, seed=0, **protocol):
    overrides = {f"protocol__{key}": value for key, value in protocol.items()}
    return build(worlds.config(protocol__name=name, **overrides).protocol, data, seed)


def people(asian=3, other=3, clips=3):
    names = [("casme2", f"a{i}", "Asian") for i in range(asian)]
    return worlds.world(names + [("samm", f"w{i}", "White") for i in range(other)], clips, size=2)


def with_column(data, value_of, name="part"):
    return dataclasses.replace(
        data, extra=tuple({name: value_of[subject]} for subject in data.subject)
    )


@settings(deadline=None, max_examples=12)
@given(st.integers(2, 7), st.integers(2, 7), st.integers(2, 5), st.integers(0, 10**6))
def test_k_folds_test_every_clip_once_and_split_no_subject(asian, other, folds, seed):
    data = people(asian, other)
    if folds > asian + other:
        return
    made = plan(data, "kfold", folds=folds, draw_seed=seed).folds
    assert made.names == [f"kfold-seed0/fold{number}" for number in range(folds)]
    assert (made.test.dense().sum(0) == 1).all()
    for train, test in zip(made.train, made.test, strict=True):
        assert np.array_equal(train, ~test)
        assert not set(data.person[train]) & set(data.person[test])


def test_k_folds_are_alike_in_class_and_database():
    # 8 + 4 subjects with a clip of each class make 4 folds of 2 + 1.
    data = people(8, 4)
    folds = plan(data, "kfold", folds=4).folds
    for test in folds.test:
        assert np.bincount(data.emotion[test]).tolist() == [3, 3, 3]
        assert dict(zip(*np.unique(data.database[test], return_counts=True), strict=True)) == {
            "casme2": 6,
            "samm": 3,
        }


def test_folds_of_few_clips_are_alike_in_class_alone():
    made = plan(people(2, 2), "kfold", folds=3)
    assert made.notes[0].startswith("3 folds over 4 subjects, alike in class: ")
    single = people(3, 3).select(np.arange(0, 18, 3) + np.arange(6) % 3)
    with pytest.raises(UserError, match=r"protocol\.folds is 3, and every class has fewer clips"):
        plan(single, "kfold", folds=3)


def test_the_seeds_of_k_folds_share_the_split():
    data = people(6, 6)
    made = plan(data, "kfold", folds=3, seeds=2).folds
    assert np.array_equal(made.test[:3], made.test[3:])
    other = plan(data, "kfold", folds=3, draw_seed=1).folds
    assert not np.array_equal(made.test[:3], other.test[:3])


def test_train_and_test_of_a_column_are_one_fold():
    data = with_column(people(), COLUMN | {"a2": "Test"})
    made = plan(data, "split", split_column="part", seeds=2)
    assert made.folds.names == ["split-seed0/test", "split-seed1/test"]
    assert set(data.subject[made.folds.train[0]]) == {"a0", "a1", "w0"}
    assert set(data.subject[made.folds.test[0]]) == {"a2", "w1"}
    assert made.notes == (
        "trained on 9 clips of 3 subjects, tested on 6 clips of 2 subjects",
        "3 clips without a value of part take no part",
    )


def test_other_values_of_a_column_are_folds_that_are_tested_in_turn():
    values = {"a0": "x", "a1": "y", "a2": "x", "w0": "z", "w1": "y", "w2": ""}
    data = with_column(people(), values)
    folds = plan(data, "split", split_column="part").folds
    assert folds.names == [f"split-seed0/{name}" for name in "xyz"]
    assert [sorted(set(data.subject[test])) for test in folds.test] == [
        ["a0", "a2"], ["a1", "w1"], ["w0"]]  # fmt: skip
    assert not (folds.train.union() | folds.test.union())[data.subject == "w2"].any()


def test_listed_subjects_are_held_out(tmp_path):
    data = people()
    made = plan(data, "hold_out", hold_out="casme2/a1, samm/w0")
    assert made.folds.names == ["hold_out-seed0/held_out"]
    assert set(data.person[made.folds.test[0]]) == {"casme2/a1", "samm/w0"}
    assert np.array_equal(made.folds.train[0], ~made.folds.test[0])
    path = tmp_path / "held_out.txt"
    path.write_bytes(b"\xef\xbb\xbfcasme2/a1\r\n\r\nsamm/w0\r\n")
    again = plan(data, "hold_out", hold_out=str(path))
    assert np.array_equal(made.folds.test[0], again.folds.test[0])
    # Such a list is longer than the name of any file.
    long = plan(data, "hold_out", hold_out=f"{'casme2/a1,' * 1000}samm/w0")
    assert np.array_equal(made.folds.test[0], long.folds.test[0])
    whole = plan(data, "hold_out", hold_out="samm/*")
    assert np.array_equal(whole.folds.test[0], data.database == "samm")


@pytest.mark.parametrize(
    ("protocol", "reason"),
    [
        ({"name": "kfold", "folds": 7}, "protocol.folds is 7; with 6 subjects it must be 2 to 6"),
        ({"name": "split"}, "needs protocol.split_column, the name of a column"),
        ({"name": "split", "split_column": "fold"}, "'fold' is no further column .* part"),
        ({"name": "hold_out"}, "needs protocol.hold_out"),
        ({"name": "hold_out", "hold_out": "samm/w9"}, "names samm/w9, which is no subject"),
        ({"name": "hold_out", "hold_out": " , "}, "lists nobody"),
        ({"name": "hold_out", "hold_out": "*"}, "protocol.hold_out holds out all"),
    ],
)
def test_a_split_that_cannot_be_is_refused_in_one_line(protocol, reason):
    with pytest.raises(UserError, match=reason) as caught:
        plan(with_column(people(), COLUMN), **protocol)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "column part has no value; a split needs train and test, or folds"),
        ({"a0": "train", "a1": "train"}, "has the one value train"),
        ({"a0": "train", "a1": "test", "a2": "val"}, "has the values test, train, val; name train"),
        ({"a0": "x/y", "a1": "z"}, "fold 'x/y' must not be"),
    ],
)
def test_values_that_are_no_split_are_refused(values, reason):
    data = with_column(people(), dict.fromkeys(COLUMN, "") | values)
    with pytest.raises(UserError, match=reason):
        plan(data, "split", split_column="part")


def test_a_subject_on_both_sides_is_refused():
    data = with_column(people(), COLUMN)
    extra = list(data.extra)
    extra[int(np.flatnonzero(data.subject == "a0")[0])] = {"part": "test"}
    with pytest.raises(UserError, match="column part has subject casme2/a0 in test and train;"):
        plan(dataclasses.replace(data, extra=tuple(extra)), "split", split_column="part")


def test_a_database_without_further_columns_says_so():
    with pytest.raises(UserError, match="'part' is no further column of the database; it has none"):
        plan(people(), "split", split_column="part")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read as text in UTF-8"):
        plan(people(), "hold_out", hold_out=str(path))
