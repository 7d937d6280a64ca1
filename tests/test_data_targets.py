import numpy as np
import pytest
import worlds

from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data import targets


def build(classes="3", ethnic_target="ethnicity", name="strict", **options):
    data = worlds.classed(worlds.world(size=2), classes)
    return targets.build(data, ethnic_target, grouping(name), **options)


def test_classes_are_the_dataset_s_own():
    made = build()
    assert made.emotion_names == worlds.EMOTIONS
    assert made.emotion.tolist() == [0, 1, 2] * 6


def test_two_classes_are_negative_and_the_rest():
    made = build(classes="2")
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
    for made in (build(), build(classes="2"), build(ethnic_target="group")):
        assert made.emotion.dtype == made.ethnic.dtype == np.int32


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"ethnic_target": "race"}, "ethnic_target 'race'"),
        ({"ethnic_labels": "wrong"}, "ethnic_labels 'wrong'"),
    ],
)
def test_a_wrong_choice_is_refused(options, reason):
    with pytest.raises(UserError, match=reason):
        build(**options)


PEOPLE = [
    *(("one", f"a{number}", "Asian") for number in range(6)),
    *(("one", f"w{number}", "White") for number in range(3)),
    ("one", "u0", "Unknown"),
    *(("two", f"w{number}", "White") for number in range(2)),
    *(("two", f"b{number}", "Black") for number in range(2)),
    ("two", "i0", "Indian"),
]
WHITE, BLACK, ASIAN, INDIAN = 0, 1, 2, 3


def mixed_world():
    return worlds.world(PEOPLE, clips=2, size=2)


def ethnic(which, seed=0, target="ethnicity", name="strict"):
    """The ethnic label of every clip, after the check that nothing else has changed."""
    data = mixed_world()
    made = targets.build(data, target, grouping(name), which, seed)
    assert np.array_equal(made.emotion, data.emotion)
    assert made.ethnic.dtype == np.int32
    return made.ethnic


def of(data, *persons):
    return np.isin(data.person, persons)


def test_annotated_labels_are_the_dataset_s():
    data = mixed_world()
    assert np.array_equal(ethnic("annotated"), np.where(data.ethnicity == 5, -1, data.ethnicity))


@pytest.mark.parametrize("which", targets.ETHNIC_LABELS)
@pytest.mark.parametrize("target", targets.ETHNIC_TARGETS)
def test_a_person_has_one_label(which, target):
    labels = ethnic(which, target=target)
    assert (labels[::2] == labels[1::2]).all()


def test_shuffled_labels_are_those_of_the_database_in_another_order():
    data = mixed_world()
    before, after = ethnic("annotated"), ethnic("shuffled")
    for database in ("one", "two"):
        mine = data.database == database
        assert sorted(before[mine]) == sorted(after[mine])
    assert (before != after).any()
    assert (after[of(data, "one/u0")] == -1).all()
    assert np.array_equal(after, ethnic("shuffled"))
    assert len({ethnic("shuffled", seed).tobytes() for seed in range(8)}) > 4


def test_constant_labels_are_the_most_frequent_one():
    # 6 Asian persons against 5 White ones; by group, 6 against 8 others.
    assert set(ethnic("constant")) == {ASIAN}
    assert set(ethnic("constant", target="group")) == {1}


def test_swapped_labels_are_the_other_group_s_most_common_ethnicity():
    data = mixed_world()
    swapped = ethnic("swapped")
    true = ethnic("annotated")
    assert set(swapped[true == ASIAN]) == {WHITE}
    assert set(swapped[np.isin(true, (WHITE, BLACK, INDIAN))]) == {ASIAN}
    assert (swapped[of(data, "one/u0")] == -1).all()


def test_swapped_groups_are_the_other_group():
    before, after = ethnic("annotated", target="group"), ethnic("swapped", target="group")
    assert np.array_equal(after, np.where(before < 0, -1, 1 - before))


def test_who_is_in_no_group_keeps_the_label_when_others_swap():
    swapped = ethnic("swapped", name="white_black_vs_asian")
    assert (swapped[of(mixed_world(), "two/i0")] == INDIAN).all()
