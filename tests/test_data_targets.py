import numpy as np
import pytest
import worlds

from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.schema import EMOTIONS, UserError
from ethnicmer_jax.data import targets


def build(classes=3, ethnic_target="ethnicity", name="strict", **options):
    return targets.build(worlds.world(size=2), classes, ethnic_target, grouping(name), **options)


def test_three_classes_are_the_dataset_s_own():
    made = build()
    assert made.emotion_names == EMOTIONS
    assert made.emotion.tolist() == [0, 1, 2] * 6


def test_two_classes_are_negative_and_the_rest():
    made = build(classes=2)
    assert made.emotion_names == ("negative", "other")
    assert made.emotion.tolist() == [0, 1, 1] * 6


def test_ethnicities_keep_their_codes_and_unknown_is_none():
    made = build()
    assert made.ethnic_names == ("White", "Black", "Asian", "Indian", "Others")
    assert made.ethnic[::3].tolist() == [2, 2, -1, 0, 1, 3]


def test_groups_follow_the_grouping():
    assert build(ethnic_target="group").ethnic_names == ("asian", "non_asian")
    assert build(ethnic_target="group").ethnic[::3].tolist() == [0, 0, -1, 1, 1, 1]
    parity = build(ethnic_target="group", name="reference").ethnic
    assert parity[::3].tolist() == [0, 0, -1, 1, 1, 0]


def test_labels_are_int32():
    for made in (build(), build(classes=2), build(ethnic_target="group")):
        assert made.emotion.dtype == made.ethnic.dtype == np.int32


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"classes": 4}, "data.classes is 4"),
        ({"ethnic_target": "race"}, "ethnic_target 'race'"),
        ({"ethnic_labels": "wrong"}, "ethnic_labels 'wrong'"),
    ],
)
def test_a_wrong_choice_is_refused(options, reason):
    with pytest.raises(UserError, match=reason):
        build(**options)
