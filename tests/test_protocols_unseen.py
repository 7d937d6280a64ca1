"""What a fold never learns is said before it is trained."""

import numpy as np
import worlds

from ethnicmer_jax.protocols import build


def said(data, **protocol):
    made = worlds.config(**{f"protocol__{name}": value for name, value in protocol.items()})
    plan = build(made.protocol, data, 0)
    return plan, [note for note in plan.notes if note.startswith("class ")]


def test_a_class_of_one_subject_is_missed_where_that_subject_is_left_out():
    data = worlds.world(size=2)
    one = data.select((data.emotion != 2) | (data.person == "samm/s2"))
    _, notes = said(one)
    assert notes == [
        "class surprise is in no training clip of 1 of 6 folds, which cannot learn it; 1 of "
        "them test it: loso-seed0/samm-s2"
    ]


def test_nothing_is_said_where_every_fold_sees_every_class():
    assert said(worlds.world(size=2))[1] == []


def test_many_folds_are_counted_and_the_first_named():
    data = worlds.world(size=2)
    one = data.select((data.emotion != 2) | (data.database == "samm"))
    plan, notes = said(one, name="lodo", seeds=5)
    lacking = np.array([not train[one.emotion == 2].any() for train in plan.folds.train])
    assert lacking.sum() == 5
    assert notes == [
        "class surprise is in no training clip of 5 of 10 folds, which cannot learn it; 5 of "
        "them test it: lodo-seed0/samm, lodo-seed1/samm, lodo-seed2/samm and 2 more"
    ]


def test_a_class_of_clips_that_take_no_part_is_no_fold_s_fault():
    data = worlds.world(size=2)
    one = data.select((data.emotion != 2) | (data.database == "samm"))
    assert said(one, databases=("casme2",))[1] == []
    assert (np.unique(one.emotion) == [0, 1, 2]).all()
