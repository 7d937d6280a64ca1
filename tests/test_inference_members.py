"""Which models may predict whom: nobody is predicted by a model that has learnt from them."""

import dataclasses

import numpy as np
import pytest
import worlds

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.inference.members import Members
from ethnicmer_jax.protocols import build
from ethnicmer_jax.protocols.network_file import Networks, Taught

DATA = worlds.world()


def members(start=None, **protocol):
    config = worlds.config(**{f"protocol__{name}": value for name, value in protocol.items()})
    plan = build(config.protocol, DATA, config.seed)
    return Members(Networks.of(plan.folds, DATA, start))


def names(choice):
    return [member.name for member in choice.members]


def stranger(clips, shift=1.0):
    chosen = DATA.select(clips)
    own = {name: np.full(len(chosen), name) for name in ("database", "subject")}
    return dataclasses.replace(chosen, flow=chosen.flow + np.float32(shift), **own)


def test_a_subject_of_the_database_gets_the_models_of_exactly_its_folds():
    choice = members(seeds=2, final=True).choose("samm/s1")
    assert names(choice) == ["loso-seed0/samm-s1", "loso-seed1/samm-s1"]
    assert all("samm/s1" not in member.taught for member in choice.members)
    assert choice.note.startswith("samm/s1 is of the database: predicted by 2 models")
    # The same code in another database is another person.
    assert names(members().choose("casme2/s1")) == ["loso-seed0/casme2-s1"]


@pytest.mark.parametrize("person", [None, "own/somebody", "samm/s9"])
def test_anybody_else_gets_the_final_models(person):
    choice = members(seeds=2, final=True).choose(person)
    assert names(choice) == [f"final.everybody-seed{seed}/everybody" for seed in (0, 1)]
    assert choice.note == "predicted by 2 final models of 6 subjects"


def test_without_final_models_all_held_out_ones_are_the_ensemble():
    choice = members(seeds=2).choose(None)
    assert len(choice.members) == 12
    assert "no final models here" in choice.note


def test_inner_validation_predicts_nobody():
    found = members(name="nested", inner_folds=2)
    assert {member.run for member in found.all} == {"loso-seed0"}
    assert names(found.choose("samm/s1")) == ["loso-seed0/samm-s1"]


def test_who_was_tested_nowhere_gets_the_models_that_have_not_learnt_from_them():
    found = members(name="draws", subjects=2, grouping="strict", final=True)
    drawn = {person for member in found.all if not member.final for person in member.taught}
    left = sorted(set(DATA.person) - drawn)
    assert left, "some subject is in no arm"
    choice = found.choose(left[0])
    assert not any(member.final for member in choice.members)
    assert "was tested in no fold" in choice.note


def test_who_taught_every_model_is_refused():
    found = members(name="hold_out", hold_out="samm/s1", final=True)
    assert len(found.choose("samm/s1").members) == 1
    with pytest.raises(UserError, match="samm/s2 has taught every model here"):
        found.choose("samm/s2")
    with pytest.raises(UserError, match="casme2/s1 has taught every model here"):
        members(name="all").choose("casme2/s1")


def test_capitals_let_no_leak_through():
    assert names(members(final=True).choose("SAMM/S1")) == ["loso-seed0/samm-s1"]


def test_who_taught_the_start_is_refused():
    found = members(start=Taught(frozenset({"dfme/7"}), {5: "dfme/7/a"}), final=True)
    with pytest.raises(UserError, match="dfme/7 has taught the weights"):
        found.choose("dfme/7")
    assert all("dfme/7" in member.taught for member in found.all)


def test_clips_are_dealt_to_the_models_of_their_person():
    found = members(final=True)
    choices = found.choices(DATA)
    assert sorted(np.concatenate([clips for _, clips in choices])) == list(range(len(DATA)))
    for choice, clips in choices:
        (person,) = set(DATA.person[clips])
        assert names(choice) == [f"loso-seed0/{person.replace('/', '-')}"]
    ((choice, clips),) = found.choices(stranger([0, 5]))
    assert names(choice) == ["final.everybody-seed0/everybody"]
    assert clips.tolist() == [0, 1]


def test_a_copy_of_a_clip_is_kept_from_what_it_has_taught():
    copied = stranger([0, 5], shift=0)
    (one, first), (two, second) = members(final=True).choices(copied)
    assert names(one) == [f"loso-seed0/{DATA.person[0].replace('/', '-')}"]
    assert names(two) == [f"loso-seed0/{DATA.person[5].replace('/', '-')}"]
    assert one.note.startswith(f"the same pixels as {DATA.key[0]}; ")
    assert (first.tolist(), second.tolist()) == ([0], [1])
    # Under the name of another person of the database it may be neither's.
    swapped = dataclasses.replace(
        copied.select([0]), database=np.array(["samm"]), subject=np.array(["s1"])
    )
    with pytest.raises(UserError, match=r"/s\d and \w+/s\d have taught every model"):
        members(final=True).choices(swapped)
    still = dataclasses.replace(copied, flow=np.zeros_like(copied.flow))
    ((choice, _),) = members(final=True).choices(still)
    assert choice.members[0].final
