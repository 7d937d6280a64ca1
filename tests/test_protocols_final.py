"""Final models are rows that train on everybody and leave no trace in any result."""

import dataclasses

import numpy as np
import pytest
import worlds

from ethnicmer_jax.base.run_id import FINAL, RunId
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols import build, fold_file, network_file
from ethnicmer_jax.protocols.fold_table import from_rows
from ethnicmer_jax.protocols.network_file import STILL, Networks

DATA = worlds.world()
SPLIT = dataclasses.replace(
    DATA,
    extra=tuple({"part": {"s1": "train", "s2": "test"}.get(name, "")} for name in DATA.subject),
)


def plan(data=DATA, **protocol):
    config = worlds.config(**{f"protocol__{name}": value for name, value in protocol.items()})
    return build(config.protocol, data, config.seed)


def finals(folds):
    return [row for row in range(len(folds)) if RunId.parse(str(folds.run[row])).job == FINAL]


PROTOCOLS = {
    "loso": {},
    "single_database": {},
    "lodo": {},
    "cross_database": {},
    "kfold": {"folds": 2},
    "hold_out": {"hold_out": "samm/s1"},
    "nested": {"inner_folds": 2},
    "draws": {"subjects": 2, "grouping": "strict"},
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_gets_one_for_each_seed_after_its_own_folds(name):
    settings = {"name": name, "seeds": 2, **PROTOCOLS[name]}
    without, with_ = plan(**settings), plan(**settings, final=True)
    rows = finals(with_.folds)
    assert rows == [len(without.folds), len(without.folds) + 1]
    assert with_.folds.names[: len(without.folds)] == without.folds.names
    assert [str(run) for run in with_.folds.run[rows]] == [
        "final.everybody-seed0",
        "final.everybody-seed1",
    ]
    for row in rows:
        assert with_.folds.train[row].all()
        assert not with_.folds.test[row].any()
    assert with_.notes[: len(without.notes)] == without.notes
    assert with_.notes[-1].startswith("2 final models of all 18 clips of 6 subjects")


def test_they_learn_from_the_databases_that_take_part_only():
    folds = plan(databases=("samm",), final=True).folds
    assert np.array_equal(folds.train[finals(folds)[0]], DATA.database == "samm")


def test_clips_that_a_split_leaves_out_teach_no_final_model():
    folds = plan(SPLIT, name="split", split_column="part", databases=("samm",), final=True).folds
    taught = folds.train[finals(folds)[0]]
    assert set(DATA.person[taught]) == {"samm/s1", "samm/s2"}


def test_all_has_nothing_else():
    folds = plan(name="all", seeds=2).folds
    assert finals(folds) == [0, 1]
    assert len(folds.tested) == 0
    assert plan(name="all", final=True).folds.names == ["final.everybody-seed0/everybody"]


def test_any_other_fold_has_to_test_something():
    train, nobody = np.array([True, False]), np.zeros(2, bool)
    with pytest.raises(UserError, match="loso-seed0/a has no clip to predict"):
        from_rows([(RunId(cell="loso", seed=0), "a", train, nobody)], 2).check()
    final = RunId(job=FINAL, cell="everybody", seed=0)
    assert from_rows([(final, "everybody", train, nobody)], 2).check()
    with pytest.raises(UserError, match="no clip to learn from"):
        from_rows([(final, "everybody", nobody, nobody)], 2).check()


def test_the_file_of_expected_rows_does_not_know_of_them(tmp_path):
    for name, final in (("with", True), ("without", False)):
        fold_file.write(tmp_path / f"{name}.npz", plan(final=final).folds, DATA.key)
    with np.load(tmp_path / "with.npz") as one, np.load(tmp_path / "without.npz") as other:
        assert all(np.array_equal(one[name], other[name]) for name in other)
    fold_file.write(tmp_path / "all.npz", plan(name="all").folds, DATA.key)
    assert list(fold_file.expected_rows(tmp_path / "all.npz")) == []


def test_the_file_of_models_says_who_taught_each_of_them(tmp_path):
    folds = plan(final=True).folds
    network_file.write(tmp_path / "networks.npz", Networks.of(folds, DATA))
    read = network_file.read(tmp_path / "networks.npz")
    assert [f"{run}/{fold}" for run, fold in zip(read.run, read.fold, strict=True)] == folds.names
    assert read.person.tolist() == sorted(set(DATA.person))
    for row in range(len(folds)):
        assert set(read.person[read.taught[row]]) == set(DATA.person[folds.train[row]])
        assert set(read.person[read.tested[row]]) == set(DATA.person[folds.test[row]])
    assert read.clip.tolist() == DATA.key.tolist()
    assert len(set(read.digest)) == len(DATA)


def test_the_same_pixels_have_the_same_digest_and_a_still_flow_has_none():
    flow = DATA.flow.copy()
    flow[1], flow[2] = flow[0], 0.5
    digest = network_file.digests(dataclasses.replace(DATA, flow=flow))
    assert digest[0] == digest[1] != digest[3]
    assert digest[2] == STILL
