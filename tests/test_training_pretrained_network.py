"""Branches that start from a network of ours: what is taken over, and who may not be tested."""

import dataclasses
import json

import jax
import numpy as np
import pandas as pd
import pytest
import worlds

from ethnicmer_jax import models
from ethnicmer_jax.base import files
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import from_records
from ethnicmer_jax.export import torch_file
from ethnicmer_jax.inference.members import Members
from ethnicmer_jax.jobs import job
from ethnicmer_jax.protocols import build, leaks, network_file
from ethnicmer_jax.protocols.network_file import Networks, Taught
from ethnicmer_jax.training import pretrained, saved_network
from ethnicmer_jax.training.checkpoint import FoldCheckpoints

OTHERS = (("smic", "t1", "White"), ("smic", "t2", "Asian"))
ALL = worlds.records((*worlds.PEOPLE, *OTHERS))
DATA = worlds.classed(from_records([r for r in ALL if r.labels.database != "smic"]))
NEW = worlds.classed(from_records([r for r in ALL if r.labels.database == "smic"]))
"""Other persons, and other pixels."""
SMALL = {"optim__epochs": 1, "engine__devices": 1, "checkpoint__keep": "final"}
FINAL = "final.everybody-seed0/everybody"


def trained(folder, data=DATA, **overrides):
    """A work directory as a job leaves it: a checkpoint, config and who has taught it.

    What the network has learnt does not matter here: it keeps its first weights.
    """
    made = worlds.config(**{**SMALL, "protocol__name": "all", **overrides})
    engine = worlds.engine(made, data)
    states = jax.tree.map(lambda x: np.asarray(x)[None], first_state(engine))
    FoldCheckpoints(folder / "checkpoints").save(engine.folds.names, states, 1)
    files.write_json(folder / "config.json", made.to_dict())
    file = folder / network_file.FILE_NAME
    network_file.write(file, Networks.of(engine.folds, engine.dataset))
    return folder


def first_state(made):
    """What a fold of an engine starts from."""
    constants = worlds.first_constants(made)
    return jax.jit(made.learner.init)(constants, made.data)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("none"))


@pytest.fixture(scope="module")
def two_branches(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("embed"), model__fusion="embed")


def engine(**overrides):
    return worlds.engine(worlds.config(**{**SMALL, **overrides}), NEW)


def same(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, left, right)))


def test_a_fold_starts_from_the_final_model(source):
    made = engine(init__path=str(source))
    network = saved_network.find(str(source))
    assert network.name == FINAL
    start = first_state(made)
    assert same(start.params, network.variables["params"])
    assert same(start.batch_stats, network.variables["batch_stats"])
    assert made.notes == (
        f"emotion branch: ststnet of {FINAL} in {source}, fingerprint {network.fingerprint}; "
        "taken over with it: head",
    )


def test_where_weights_were_averaged_their_means_are_what_is_handed_on(tmp_path):
    means, last = (
        worlds.engine(worlds.config(**SMALL, optim__averaging=averaging), DATA, [0])
        for averaging in (0.9, 0.0)
    )
    means.train(tmp_path)
    found = FoldCheckpoints(tmp_path / "checkpoints").network(means.folds.names[0])
    ((_, predicting),) = means.states(tmp_path)
    assert same(found["params"], predicting.params)
    assert same(found["batch_stats"], predicting.batch_stats)
    # Averaging has no say in training itself.
    ((_, trained_on),) = last.trained()
    assert not same(found["params"], trained_on.params)


def test_the_whole_fusion_is_taken_over_where_both_branches_come_from_one_network(two_branches):
    path = str(two_branches)
    made = engine(model__fusion="embed", init__path=path, init__ethnic_path=path)
    assert same(first_state(made).params, saved_network.find(path).variables["params"])
    assert "embedding, film, head" in made.notes[0]
    assert made.notes[1].endswith("taken over with it: ethnic_head")


def test_one_branch_brings_its_own_head_alone(two_branches):
    made = engine(model__fusion="concat", init__ethnic_path=str(two_branches))
    start, network = first_state(made), saved_network.find(str(two_branches))
    theirs = network.variables["params"]
    assert same(start.params["ethnic_backbone"], theirs["ethnic_backbone"])
    assert same(start.params["fusion"]["ethnic_head"], theirs["fusion"]["ethnic_head"])
    assert not same(start.params["emotion_backbone"], theirs["emotion_backbone"])


def test_the_head_of_other_classes_starts_at_random_and_it_is_said(source):
    data = dataclasses.replace(NEW, emotion_names=("surprise", "positive", "negative"))
    made = worlds.config(**SMALL, init__path=str(source))
    targets = engine().targets
    one = worlds.engine(made, NEW)
    other = type(one)(
        made,
        data,
        dataclasses.replace(targets, emotion_names=data.emotion_names),
        one.folds,
    )
    theirs = saved_network.find(str(source)).variables["params"]
    start = first_state(other)
    assert same(start.params["emotion_backbone"], theirs["emotion_backbone"])
    assert not same(start.params["fusion"], theirs["fusion"])
    assert other.notes[0].endswith(
        "taken over with it: nothing; at random: head (its classes are negative, positive, "
        "surprise)"
    )


def test_a_network_with_a_frozen_start_is_whole_without_it(tmp_path, source):
    """Its checkpoint has no backbone; whoever starts from it gets one nevertheless."""
    frozen = trained(tmp_path, NEW, init__path=str(source), init__freeze=True)
    backbone = saved_network.find(str(source)).variables["params"]["emotion_backbone"]
    whole = saved_network.find(str(frozen)).variables["params"]
    assert same(whole["emotion_backbone"], backbone)
    config = json.loads((frozen / "config.json").read_text())
    files.write_json(frozen / "config.json", {**config, "starts": {"emotion": "0" * 16}})
    with pytest.raises(UserError, match="has the frozen emotion backbone of another"):
        saved_network.find(str(frozen))


@pytest.mark.parametrize(
    ("path", "overrides", "reason"),
    [
        ("{}:loso-seed0/casme2-s1", {}, f"has no network loso-seed0/casme2-s1; it has {FINAL}"),
        ("{}", {"model__emotion_backbone": "resnet18", "model__image_size": 32}, "resnet18"),
        ("{}", {"model__emotion_options": "padding=2"}, "set model.emotion_backbone and"),
        ("{}/checkpoints", {}, "holds no trained networks that say who has taught them"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(source, path, overrides, reason):
    made = {"init__path": path.format(source), **overrides}
    with pytest.raises(UserError, match=reason) as caught:
        engine(**made)
    assert "\n" not in str(caught.value)


def test_a_network_without_an_ethnic_branch_has_none_to_give(source):
    with pytest.raises(UserError, match="has no ethnic branch: it was trained with fusion none"):
        engine(model__fusion="concat", init__ethnic_path=str(source))


class TestLeaks:
    """Whoever has taught the start is not tested."""

    folds = build(worlds.config().protocol, NEW, 0).folds

    def refused(self, taught, data=NEW):
        with pytest.raises(UserError) as caught:
            leaks.refuse_tests("init.path=x", taught, self.folds, data)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_a_subject_is_named_whatever_the_case_of_its_letters(self):
        message = self.refused(Taught(frozenset({"SMIC/T1", "samm/s1"})))
        assert "init.path=x has learnt from smic/t1, 1 of the 2 subjects" in message

    def test_other_subjects_may_be_tested(self):
        leaks.refuse_tests("x", Taught(frozenset({"smic/t3", "samm/t1"})), self.folds, NEW)

    def test_the_same_pixels_under_another_name_are_found(self):
        digest = int(network_file.digests(NEW)[4])
        message = self.refused(Taught(clips={digest: "casme2/s9/c7"}))
        assert "smic/t2/c1 (there casme2/s9/c7)" in message

    def test_still_clips_are_not_the_same_clip(self):
        still = dataclasses.replace(NEW, flow=np.zeros_like(NEW.flow))
        leaks.refuse_tests("x", Taught(clips={network_file.STILL: "a/b/c"}), self.folds, still)

    def test_a_network_hands_on_who_has_taught_its_start(self, source):
        first = saved_network.find(str(source)).taught
        assert first.persons == set(DATA.person)
        assert set(first.clips.values()) == set(DATA.key)
        later = Networks.of(self.folds, NEW, first).teachers(0)
        assert later.persons == {*DATA.person, "smic/t2"}
        assert set(later.clips.values()) == {*DATA.key, *NEW.key[NEW.person == "smic/t2"]}

    def test_a_held_out_network_may_be_tested_on_whom_it_has_not_seen(self):
        networks = Networks.of(self.folds, NEW)
        leaks.refuse_tests("x", networks.teachers(0), self.folds.select([0]), NEW)
        self.refused(networks.teachers(1))


def manifest(folder, people, dropped=0):
    """A manifest of those people, the first few left out; pixels follow from the places."""
    folder.mkdir()
    path = worlds.write_manifest(folder, people)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table[3 * dropped :].to_csv(path, index=False)
    return path


def job_config(tmp_path, path, **overrides):
    settings = {"data__source": "manifest", "data__raw": str(path), **SMALL}
    return worlds.config(data__data_dir=str(tmp_path / "data"), **settings, **overrides)


def test_a_job_records_its_start_hands_it_on_and_refuses_another(tmp_path, source):
    raw = manifest(tmp_path / "new", (*worlds.PEOPLE, *OTHERS), dropped=len(worlds.PEOPLE))
    made = job_config(tmp_path, raw, init__path=str(source))
    job.run(made, tmp_path / "work")
    mark = saved_network.find(str(source)).fingerprint
    recorded = files.read_json(tmp_path / "work" / "config.json")
    assert recorded["starts"] == {"emotion": mark}
    assert any(mark in note for note in files.read_json(tmp_path / "work/metrics.json")["notes"])
    networks = network_file.read(tmp_path / "work" / network_file.FILE_NAME)
    assert networks.teachers(0).persons >= set(DATA.person)

    before = (tmp_path / "work/predictions.csv").read_bytes()
    (tmp_path / "work/predictions.csv").unlink()
    job.run(made, tmp_path / "work", "train")
    assert (tmp_path / "work/predictions.csv").read_bytes() == before
    (tmp_path / "work/predictions.csv").unlink()
    other = {**recorded, "starts": {"emotion": "0" * 16}}
    files.write_json(tmp_path / "work/config.json", other, summed=True)
    with pytest.raises(UserError, match=r"used with another config \(starts.emotion: "):
        job.run(made, tmp_path / "work", "train")


@pytest.mark.parametrize(
    ("people", "reason"),
    [
        (worlds.PEOPLE, "has learnt from casme2/s1, casme2/s2, casme2/s3 and 3 more, 6 of the 6"),
        (OTHERS, r"under other names, pixel for pixel: smic/t1/c0 \(there casme2/s1/c0\)"),
    ],
)
def test_a_leak_is_refused_before_the_work_directory_is_touched(tmp_path, source, people, reason):
    made = job_config(tmp_path, manifest(tmp_path / "raw", people), init__path=str(source))
    with pytest.raises(UserError, match=reason):
        job.run(made, tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_an_export_says_who_has_taught_it(tmp_path, source):
    path = tmp_path / "weights.safetensors"
    network = saved_network.find(str(source))
    torch_file.write(path, network, "emotion")
    start = pretrained.read(worlds.config(init__path=str(path)), models.build({}))["emotion"]
    assert start.taught == network.taught
    made = worlds.config()
    folds = build(made.protocol, DATA, made.seed).folds
    with pytest.raises(UserError, match="has learnt from casme2/s1"):
        leaks.refuse_tests(start.setting, start.taught, folds, DATA)


@pytest.mark.parametrize("content", [b"", b"no npz", b"PK\x03\x04 cut"])
def test_a_damaged_record_of_who_taught_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / network_file.FILE_NAME
    path.write_bytes(content)
    with pytest.raises(UserError, match="is damaged"):
        network_file.read(path)


def test_folds_resume_to_the_same_bits(tmp_path, source):
    settings = {"init__path": str(source), "optim__epochs": 2, "checkpoint__keep": "every"}
    whole = engine(**settings).train(tmp_path / "whole").table
    first = engine(**settings | {"optim__epochs": 1})
    first.train(tmp_path / "cut")
    first.clear(tmp_path / "cut")
    assert engine(**settings | {"engine__devices": 2}).train(tmp_path / "cut").table.equals(whole)


def test_nobody_who_has_taught_the_start_is_predicted_by_what_came_of_it(source):
    networks = Networks.of(TestLeaks.folds, NEW, saved_network.find(str(source)).taught)
    members = Members(networks)
    assert members.all[0].taught == {*DATA.person, "smic/t2"}
    assert members.choose("smic/t1").members == (members.all[0],)
    with pytest.raises(UserError, match="samm/s1 has taught the weights that all models here"):
        members.choose("samm/s1")
    renamed = dataclasses.replace(DATA, subject=np.full(len(DATA), "new"))
    with pytest.raises(UserError, match="casme2/s1 has taught the weights"):
        members.choices(renamed.select([0]))
