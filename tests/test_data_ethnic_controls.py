import numpy as np
import pytest
import worlds

from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.data import targets
from ethnicmer_jax.data.ethnic_controls import ETHNIC_LABELS

PEOPLE = [
    *(("one", f"a{number}", "Asian") for number in range(6)),
    *(("one", f"w{number}", "White") for number in range(3)),
    ("one", "u0", "Unknown"),
    *(("two", f"w{number}", "White") for number in range(2)),
    *(("two", f"b{number}", "Black") for number in range(2)),
    ("two", "i0", "Indian"),
]
WHITE, BLACK, ASIAN, INDIAN = 0, 1, 2, 3


def world():
    return worlds.world(PEOPLE, clips=2, size=2)


def ethnic(which, seed=0, target="ethnicity", name="strict"):
    """The ethnic label of every clip, after the check that nothing else has changed."""
    data = world()
    made = targets.build(data, 3, target, grouping(name), which, seed)
    assert np.array_equal(made.emotion, data.emotion)
    assert made.ethnic.dtype == np.int32
    return made.ethnic


def of(data, *persons):
    return np.isin(data.person, persons)


def test_annotated_labels_are_the_dataset_s():
    data = world()
    assert np.array_equal(ethnic("annotated"), np.where(data.ethnicity == 5, -1, data.ethnicity))


@pytest.mark.parametrize("which", ETHNIC_LABELS)
@pytest.mark.parametrize("target", targets.ETHNIC_TARGETS)
def test_a_person_has_one_label(which, target):
    labels = ethnic(which, target=target)
    assert (labels[::2] == labels[1::2]).all()


def test_shuffled_labels_are_those_of_the_database_in_another_order():
    data = world()
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
    data = world()
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
    assert (swapped[of(world(), "two/i0")] == INDIAN).all()
