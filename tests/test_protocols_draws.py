import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols import draws
from ethnicmer_jax.protocols.arms import read_pool


def pool(asian, non_asian, seed=0):
    """Persons with one to six clips of random classes; each class occurs in both groups."""
    rng = np.random.default_rng(seed)
    person, group, emotion = [], [], []
    for which, count in enumerate((asian, non_asian)):
        for number in range(count):
            clips = int(rng.integers(1, 7))
            person += [f"{'cw'[which]}/{number:02d}"] * clips
            group += [which] * clips
            emotion += rng.integers(0, 3, clips).tolist()
    return draws.Pool(np.array(person), np.array(group), np.array(emotion))


def persons(made, mask):
    return set(made.person[mask])


def test_the_reference_draw_has_the_reference_s_clips(annotations):
    made = read_pool(annotations / "JointDB_MetaEmotionConcised.csv")
    assert len(made.person) == 290
    assert len(set(made.person)) == 53
    arms = draws.reference(made)
    # Recomputed from the tables that the reference published: 101, 90 and 100 clips.
    assert {arm: int(mask.sum()) for arm, mask in arms.items()} == {
        "mono_asian": 101,
        "mono_non_asian": 90,
        "stereo": 100,
    }
    negative = {arm: (made.emotion[mask] == 0).mean() for arm, mask in arms.items()}
    # Its stereo arm is easier by class balance alone: 79% negative against 60% and 61%.
    assert negative == pytest.approx(
        {"mono_asian": 0.60, "mono_non_asian": 0.61, "stereo": 0.79}, abs=0.005
    )
    assert all(len(persons(made, mask)) == 16 for mask in arms.values())


def test_persons_come_in_order_of_appearance():
    made = draws.Pool(np.array(["b", "a", "b", "c"]), np.array([0, 0, 0, 1]), np.zeros(4, int))
    assert made.persons(0).tolist() == ["b", "a"]


def test_the_stereo_arm_mixes_halves_of_both_mono_arms():
    made = pool(10, 12)
    arms = draws.seeded(made, 6, np.random.default_rng(0))
    asian, other, mixed = (persons(made, arms[arm]) for arm in draws.ARMS)
    assert len(asian) == len(other) == len(mixed) == 6
    assert len(mixed & asian) == len(mixed & other) == 3
    assert (made.group[arms["mono_asian"]] == 0).all()
    assert (made.group[arms["mono_non_asian"]] == 1).all()


def test_a_person_comes_with_all_clips():
    made = pool(6, 6)
    for mask in draws.seeded(made, 4, np.random.default_rng(1)).values():
        assert mask.sum() == np.isin(made.person, list(persons(made, mask))).sum()


def test_zero_takes_as_many_as_both_groups_have():
    made = pool(7, 9)
    arms = draws.seeded(made, 0, np.random.default_rng(0))
    assert {len(persons(made, mask)) for mask in arms.values()} == {6}


def test_draws_repeat_by_seed_and_differ_otherwise():
    made = pool(12, 12)
    one, again, other = (draws.seeded(made, 6, np.random.default_rng([0, n])) for n in (0, 0, 1))
    assert all(np.array_equal(one[arm], again[arm]) for arm in draws.ARMS)
    assert not np.array_equal(one["mono_asian"], other["mono_asian"])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from([2, 4, 6, 8]))
def test_groups_are_drawn_alike_in_stratum_as_far_as_both_have_it(seed, per_arm):
    # 8 + 2 persons of one group in strata x and y, 3 + 6 of the other.
    counts = {0: {"x": 8, "y": 2}, 1: {"x": 3, "y": 6}}
    people = [
        (f"{stratum}/{group}{number}", group, stratum)
        for group, strata in counts.items()
        for stratum, count in strata.items()
        for number in range(count)
    ]
    person, group, stratum = map(np.array, zip(*people, strict=True))
    made = draws.Pool(person, group, np.zeros(len(person), int), stratum)
    arms = draws.seeded(made, per_arm, np.random.default_rng(seed))
    drawn = [np.sort(stratum[arms[arm]]) for arm in ("mono_asian", "mono_non_asian")]
    assert len(drawn[0]) == len(drawn[1]) == per_arm
    # 3 of x and 2 of y are shared: 5 persons at most can have a partner.
    alike = sum(min((of == name).sum() for of in drawn) for name in "xy")
    assert alike == min(per_arm, 5)


def test_matching_keeps_to_a_quota():
    made = pool(6, 6)
    arms = draws.seeded(made, 4, np.random.default_rng(0))
    quota = np.array([2, 0, 1])
    thinned = draws.matched(made, arms, np.random.default_rng(0), quota)
    for mask in thinned.values():
        assert (draws.class_counts(made.emotion, mask) <= quota).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 10**6))
def test_matched_arms_have_equal_class_counts_and_are_subsets(asian, non_asian, seed):
    made = pool(asian, non_asian, seed)
    rng = np.random.default_rng(seed)
    arms = draws.seeded(made, 2, rng)
    thinned = draws.matched(made, arms, rng)
    counts = [np.bincount(made.emotion[mask], minlength=3).tolist() for mask in thinned.values()]
    assert counts[0] == counts[1] == counts[2]
    assert all((thinned[arm] <= arms[arm]).all() for arm in draws.ARMS)
    smallest = np.min([np.bincount(made.emotion[m], minlength=3) for m in arms.values()], axis=0)
    assert counts[0] == smallest.tolist()


def test_matching_keeps_as_many_persons_as_it_can():
    # Three clips have to go from arm "wide": the persons with several lose theirs first.
    person = np.array(["p"] * 4 + ["q", "r"] + ["s", "t", "u"])
    made = draws.Pool(person, np.array([0] * 6 + [1] * 3), np.zeros(9, int))
    arms = {"wide": made.group == 0, "narrow": made.group == 1}
    thinned = draws.matched(made, arms, np.random.default_rng(0))
    assert persons(made, thinned["wide"]) == {"p", "q", "r"}
    assert thinned["narrow"].sum() == 3


@pytest.mark.parametrize(
    "draw", [draws.reference, lambda made: draws.seeded(made, 16, np.random.default_rng(0))]
)
@pytest.mark.parametrize(
    ("sizes", "found"), [((16, 5), "16 non_asian subjects"), ((5, 16), "16 asian subjects")]
)
def test_too_few_subjects_are_counted(draw, sizes, found):
    with pytest.raises(UserError, match=rf"^{found} are asked for and 5 are there"):
        draw(pool(*sizes))


@pytest.mark.parametrize("per_arm", [1, 3, -2])
def test_an_arm_has_an_even_number_of_subjects(per_arm):
    with pytest.raises(UserError, match="an even number"):
        draws.seeded(pool(4, 4), per_arm, np.random.default_rng(0))


def test_as_many_as_there_are_needs_two_of_each_group():
    with pytest.raises(UserError, match=r"^2 non_asian subjects are asked for and 1 are there"):
        draws.seeded(pool(8, 1), 0, np.random.default_rng(0))


def test_the_reference_draw_follows_the_calls_of_the_reference():
    # It seeds NumPy's legacy generator with 42 and chooses without replacement: its Asian arm, its
    # non-Asian one, then half an arm of non-Asian persons, and half of Asian ones.
    made = pool(9, 8)
    legacy = np.random.RandomState(42)
    asian, other = (made.persons(group).tolist() for group in (0, 1))
    assert (asian[:2], other[:2]) == (["c/00", "c/01"], ["w/00", "w/01"])
    chosen = [
        set(legacy.choice(people, size, replace=False))
        for people, size in ((asian, 6), (other, 6), (other, 3), (asian, 3))
    ]
    arms = draws.reference(made, 6)
    found = [persons(made, arms[arm]) for arm in draws.ARMS]
    assert found == [chosen[0], chosen[1], chosen[2] | chosen[3]]


def test_sixteen_subjects_make_the_reference_s_arm():
    arms = draws.reference(pool(20, 18))
    assert {len(persons(pool(20, 18), mask)) for mask in arms.values()} == {16}


def test_thinning_takes_first_clips_before_second_ones_in_the_generator_s_order():
    # 50 persons with two clips each: in random order, the first 40 of everybody's first clips.
    made = draws.Pool(
        np.array([f"{i // 2:03d}" for i in range(140)]),
        np.repeat([0, 1], [100, 40]),
        np.zeros(140, int),
    )
    arms = {"wide": made.group == 0, "narrow": made.group == 1}
    thinned = draws.matched(made, arms, np.random.default_rng(5))
    first = {}
    for clip in np.random.default_rng(5).permutation(100):
        first.setdefault(clip // 2, int(clip))
    assert np.flatnonzero(thinned["wide"]).tolist() == sorted(list(first.values())[:40])


def test_persons_alike_in_stratum_stay_in_the_drawn_order():
    # Only x is shared, by one person of each group: e, drawn last, replaces c and comes last.
    persons = [np.array(list("abcde")), np.array(list("vwxyz"))]
    strata = [np.array(list("ppppx")), np.array(list("xqqqq"))]
    made = draws._alike(persons, strata, 3, np.random.default_rng(0))
    assert ["".join(group) for group in made] == ["abe", "vwx"]


@pytest.mark.parametrize("seed", range(5))
def test_as_many_persons_are_alike_as_the_group_with_fewer_has(seed):
    # Three of x in both groups, and three others whom only one group has.
    persons = [np.array(list("abcdef")), np.array(list("uvwxyz"))]
    strata = [np.array(list("yyyxxx")), np.array(list("zzzxxx"))]
    made = draws._alike(persons, strata, 3, np.random.default_rng(seed))
    assert ["".join(group) for group in made] == ["def", "xyz"]
