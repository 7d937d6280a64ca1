import dataclasses
import functools
import pathlib

import numpy as np
import pandas as pd
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols import arms, build
from ethnicmer_jax.protocols.plan import PROTOCOLS


def plan(data, seed=0, **protocol):
    overrides = {f"protocol__{name}": value for name, value in protocol.items()}
    return build(worlds.config(**overrides).protocol, data, seed)


@functools.cache
def people():
    return worlds.group_world(6, 5)


def persons(data, mask):
    return set(data.person[mask])


def test_loso_holds_out_whole_persons_of_each_database():
    data = worlds.world()
    made = plan(data)
    # Two databases use the codes s1, s2, s3: six persons, six folds.
    assert len(made.folds) == 6
    assert made.folds.fold[0] == "casme2-s1"
    for train, test in zip(made.folds.train, made.folds.test, strict=True):
        assert not persons(data, train) & persons(data, test)
        assert (train | test).all()
    assert made.notes == ("LOSO over 6 subjects",)


def test_seeds_are_runs_of_the_same_folds():
    made = plan(people(), seed=5, seeds=2)
    assert list(dict.fromkeys(made.folds.run)) == ["loso-seed5", "loso-seed6"]
    assert set(made.folds.seed) == {5, 6}
    half = len(made.folds) // 2
    assert np.array_equal(made.folds.test[:half], made.folds.test[half:])


def test_lodo_holds_out_databases():
    data = worlds.world()
    folds = plan(data, name="lodo").folds
    assert folds.names == ["lodo-seed0/casme2", "lodo-seed0/samm"]
    assert set(data.database[folds.test[0]]) == {"casme2"}
    assert set(data.database[folds.train[0]]) == {"samm"}


@pytest.mark.parametrize("field", ["database", "subject"])
@pytest.mark.parametrize("name", ["", "a/b", "..", "x-seed0", "lab\n"])
@pytest.mark.parametrize("protocol", ["loso", "lodo", "nested", "draws", "study"])
def test_names_that_cannot_be_those_of_folds_are_refused(protocol, field, name):
    data = worlds.world()
    named = np.where(data.person == data.person[0], name, getattr(data, field))
    with pytest.raises(UserError, match=f"^{field} .* give it a plain name"):
        plan(dataclasses.replace(data, **{field: named}), name=protocol)


def test_a_database_is_not_taken_for_a_contrast():
    data = worlds.world()
    named = np.where(data.database == "samm", "strict_grouping", data.database)
    with pytest.raises(UserError, match="'strict_grouping' has a meaning of its own"):
        plan(dataclasses.replace(data, database=named), name="study")


@functools.cache
def three_databases():
    """16 persons of either group, of 3 clips each, spread over three databases."""
    people = [
        (name, f"{ethnicity[0]}{number:02d}", ethnicity)
        for ethnicity in ("Asian", "White")
        for number, name in enumerate(("one", "two", "three", "one") * 4)
    ]
    made = worlds.world(people, 3, size=2)
    half = ({"half": ("train", "test")[int(subject[1:]) % 2]} for subject in made.subject)
    return dataclasses.replace(made, extra=tuple(half))


NEEDED = {
    "split": {"split_column": "half"},
    "hold_out": {"hold_out": "one/A00,one/W00"},
}
"""Settings without which a protocol is refused."""


def joint_table(path, data, race=None):
    """A joint table of the clips of a data set, its race by grouping `strict` unless given."""
    groups = ("Asian", "Non-Asian")
    table = pd.DataFrame(
        {
            "Dataset": data.database,
            "Subject": data.subject,
            "RaceConcised": [groups[i] for i in grouping("strict").indices(data.ethnicity)],
            "EstimatedEmotionConcised": data.emotion,
        }
    )
    table.assign(**({} if race is None else {"RaceConcised": race})).to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize(
    "protocol",
    [
        *({"name": name, "subjects": 0} | NEEDED.get(name, {}) for name in PROTOCOLS),
        {"name": "draws", "subjects": 0, "draw": "seeded"},
        {"name": "draws", "draw": "reference", "pool": "joint"},
        {"name": "study", "subjects": 0, "pool": "joint"},
        {"name": "study", "contrasts": ("reference",), "pool": "joint"},
    ],
    ids=str,
)
def test_clips_of_other_databases_take_no_part(tmp_path, protocol):
    data = three_databases()
    if "pool" in protocol:
        protocol = protocol | {"pool": joint_table(tmp_path / "joint.csv", data)}
    folds = plan(data, databases=("one", "three"), **protocol).folds
    assert set(data.database[folds.train.union() | folds.test.union()]) == {"one", "three"}


def test_a_protocol_that_uses_other_clips_is_a_fault_of_the_program(monkeypatch):
    def all_clips(request):
        everything = dataclasses.replace(request, clips=np.ones(len(request.dataset), bool))
        return PROTOCOLS["loso"](everything)

    monkeypatch.setitem(PROTOCOLS, "lodo", all_clips)
    with pytest.raises(ValueError, match="lodo uses clips that take no part"):
        plan(three_databases(), name="lodo", databases=("one",))


@pytest.mark.parametrize("race", ["", " ", "Unknown", "NA"])
def test_a_clip_without_ethnicity_is_of_neither_group(tmp_path, race):
    data = three_databases()
    others = np.char.startswith(data.subject, "W")
    # The first persons of the other group have none.
    unknown = np.isin(data.subject, ["W00", "W01"])
    given = np.where(others, "Non-Asian", "Asian").astype(object)
    path = joint_table(tmp_path / "joint.csv", data, np.where(unknown, race, given))
    pool = arms.read_pool(pathlib.Path(path))
    assert (pool.group[unknown] == -1).all()
    assert (pool.group[~unknown] == others[~unknown]).all()
    with pytest.raises(UserError, match="16 non_asian subjects are asked for and 14 are there"):
        plan(data, name="draws", draw="reference", pool=path)


def test_ethnicities_of_a_pool_are_placed_by_the_grouping_of_the_reference(tmp_path):
    data = three_databases().select(range(6))
    races = ["Indian", "Others", "White", "Black", "Asian", "Non-Asian"]
    pool = arms.read_pool(pathlib.Path(joint_table(tmp_path / "joint.csv", data, races)))
    assert pool.group.tolist() == [0, 0, 1, 1, 0, 1]
    path = joint_table(tmp_path / "wrong.csv", data, [*races[:5], "Martian"])
    with pytest.raises(UserError, match="RaceConcised 'Martian' is none of White, Black"):
        arms.read_pool(pathlib.Path(path))


def test_draws_make_a_run_of_every_arm_draw_and_seed():
    data = people()
    made = plan(data, name="draws", subjects=4, draws=2, seeds=2)
    runs = [
        f"{arm}-draw{draw}-seed{seed}"
        for draw in (0, 1)
        for arm in ("mono_asian", "mono_non_asian", "stereo")
        for seed in (0, 1)
    ]
    assert list(dict.fromkeys(made.folds.run)) == runs
    assert len(made.folds) == 4 * len(runs)
    assert made.notes[0] == (
        "mono Asian, first draw: 12 clips of 4 subjects (CASME II 12), largest class 33%"
    )


def test_matched_arms_have_the_same_clips_of_every_class():
    data = worlds.group_world(6, 5, clips=4)
    folds = plan(data, name="draws", subjects=0, draw="matched").folds
    counts = [
        np.bincount(data.emotion[folds.test[folds.run == run].any(0)]).tolist()
        for run in dict.fromkeys(folds.run)
    ]
    assert counts[0] == counts[1] == counts[2]


def test_a_draw_depends_on_its_seed_and_number_only():
    data = people()

    def drawn(**changes):
        folds = plan(data, name="draws", subjects=4, arms=("stereo",), **changes).folds
        return [persons(data, folds.test[folds.run == run].any(0)) for run in np.unique(folds.run)]

    both = drawn(draws=2)
    assert both == drawn(draws=2)
    assert both[:1] == drawn(draws=1)
    assert drawn(draws=8) != drawn(draws=8, draw_seed=1)
    assert len({frozenset(one) for one in drawn(draws=8)}) > 1


def test_unknown_ethnicity_is_legal_in_loso_and_left_out_of_draws():
    unlabelled = worlds.world([("casme2", f"s{i}", "Unknown") for i in range(3)], size=2)
    assert len(plan(unlabelled).folds) == 3
    with pytest.raises(UserError, match="2 asian subjects are asked for and 0 are there"):
        plan(unlabelled, name="draws", subjects=0)


def test_a_subject_with_one_clip_is_a_fold():
    data = worlds.world(size=2)
    folds = plan(data.select(np.r_[0, 3 : len(data)])).folds
    assert folds.test[0].sum() == 1


def test_the_reference_draw_on_the_real_clips(real_manifest, annotations):
    data = worlds.read_manifest(real_manifest, size=2)
    assert len(data) == 278
    table = str(annotations / "JointDB_MetaEmotionConcised.csv")
    options = {"name": "draws", "draw": "reference", "grouping": "reference"}
    made = plan(data, **options, pool=table)
    assert made.notes[0].startswith("mono Asian: 101 clips of 16 subjects drawn")
    notes = " ".join(made.notes)
    assert "mono Non-Asian: 90 clips" in notes
    assert "stereo: 100 clips" in notes
    clips = {
        run: int(made.folds.test[made.folds.run == run].sum()) for run in np.unique(made.folds.run)
    }
    # Of the 290 clips of the table 12 have no flow image: arms may only lose clips.
    assert 89 <= clips["mono_asian-draw0-seed0"] <= 101
    assert 78 <= clips["mono_non_asian-draw0-seed0"] <= 90
    own = plan(data, **options)
    assert len(np.unique(data.person[own.folds.test[:16].any(0)])) == 16


@pytest.mark.parametrize(
    ("protocol", "reason"),
    [
        ({"name": "leave"}, "protocol.name 'leave' is not known; choose one of loso"),
        ({"databases": ("smic",)}, "names smic; found casme2, samm"),
        ({"grouping": "none"}, "grouping 'none' is not known"),
        ({"name": "draws", "arms": ("duo",)}, r"protocol.arms \('duo',\)"),
        ({"name": "draws", "arms": ()}, r"protocol.arms \(\)"),
        ({"name": "draws", "subjects": 4, "draw": "lot"}, "protocol.draw 'lot'"),
        ({"name": "draws", "subjects": 40}, "40 asian subjects are asked for and 6 are there"),
        ({"name": "draws", "subjects": 3}, "even number"),
        ({"name": "draws", "draw": "reference"}, "16 asian subjects are asked for"),
        ({"name": "draws", "draw": "reference", "pool": "gone.csv"}, "gone.csv does not exist"),
    ],
)
def test_a_wrong_protocol_is_refused_in_one_line(protocol, reason):
    with pytest.raises(UserError, match=reason) as caught:
        plan(people(), **protocol)
    assert "\n" not in str(caught.value)


def test_a_pool_without_its_columns_is_refused(tmp_path):
    (tmp_path / "pool.csv").write_text("Subject,Dataset\ns1,casme2\n")
    with pytest.raises(UserError, match="lacks the columns EstimatedEmotionConcised, RaceConcised"):
        plan(people(), name="draws", draw="reference", pool=str(tmp_path / "pool.csv"))


def test_a_second_reference_draw_is_refused(real_manifest, annotations):
    table = str(annotations / "JointDB_MetaEmotionConcised.csv")
    data = worlds.read_manifest(real_manifest, size=2)
    with pytest.raises(UserError, match="the reference has one draw"):
        plan(data, name="draws", draw="reference", draws=2, pool=table)


def test_one_emotion_is_not_enough():
    data = people()
    with pytest.raises(UserError, match="all clips have the same emotion"):
        plan(data.select(data.emotion == 0))


def test_one_subject_is_not_enough():
    with pytest.raises(UserError, match="leaving one out needs at least two"):
        plan(worlds.world([("casme2", "s1", "Asian")], size=2))


@settings(deadline=None, max_examples=40)
@given(
    st.integers(2, 6),
    st.integers(2, 6),
    st.integers(2, 5),
    st.sampled_from(["loso", "lodo", "draws"]),
    st.sampled_from(["matched", "seeded"]),
    st.integers(0, 10**6),
)
def test_no_clip_and_no_person_is_on_both_sides_of_a_fold(asian, other, clips, name, draw, seed):
    data = worlds.group_world(asian, other, clips)
    folds = plan(data, name=name, draw=draw, subjects=2, draw_seed=seed).folds
    for train, test in zip(folds.train, folds.test, strict=True):
        assert train.any()
        assert test.any()
        assert not persons(data, train) & persons(data, test)
