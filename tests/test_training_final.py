"""Final models through the engine: other folds do not notice them, and they are always kept."""

import jax
import numpy as np
import pytest
import worlds

DATA = worlds.world()
QUICK = {"engine__devices": 1, "engine__folds_in_flight": 6, "optim__epochs": 1}
FINAL = "final.everybody-seed0/everybody"


def engine(**overrides):
    return worlds.engine(worlds.config(**(QUICK | overrides)), DATA)


def model(made, workdir):
    """The weights of the final model."""
    row = made.folds.names.index(FINAL)
    ((_, state),) = made.states(workdir, np.array([row]))
    return state.variables


def same(one, other):
    return all(map(np.array_equal, *map(jax.tree.leaves, (one, other))))


@pytest.mark.parametrize("fusion", ["none", pytest.param("embed", marks=pytest.mark.slow)])
def test_the_predictions_of_held_out_folds_are_the_same_bit_for_bit(fusion):
    tables = [
        engine(model__fusion=fusion, protocol__final=final).train().table for final in (False, True)
    ]
    assert tables[0].equals(tables[1])


@pytest.mark.parametrize("keep", ["none", "final", pytest.param("every", marks=pytest.mark.slow)])
def test_its_checkpoint_is_kept_whatever_becomes_of_the_others(tmp_path, keep):
    made = engine(protocol__final=True, checkpoint__keep=keep)
    table = made.train(tmp_path)
    folders = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert folders == {"final.everybody-seed0", *(["loso-seed0"] if keep != "none" else [])}
    if keep == "final":
        assert made.evaluate(tmp_path).table.equals(table.table)
    lines = (tmp_path / "scalars.jsonl").read_text()
    assert "final.everybody" not in lines


def test_it_is_the_same_model_on_more_devices_and_after_an_interruption(tmp_path, monkeypatch):
    settings = {"protocol__final": True, "checkpoint__keep": "every", "optim__epochs": 2}
    whole = engine(**settings, engine__devices=4)
    table = whole.train(tmp_path / "whole")
    made, saved = engine(**settings), []
    save = type(made)._save

    def cut_off(self, checkpoints, flight, *rest):
        save(self, checkpoints, flight, *rest)
        saved.extend(flight.names)
        if saved.count(FINAL) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(made), "_save", cut_off)
        with pytest.raises(KeyboardInterrupt):
            made.train(tmp_path / "cut")
    again = engine(**settings)
    assert again.train(tmp_path / "cut").table.equals(table.table)
    assert same(model(whole, tmp_path / "whole"), model(again, tmp_path / "cut"))


def test_without_held_out_folds_there_are_models_and_no_predictions(tmp_path):
    made = engine(protocol__name="all")
    assert made.train(tmp_path) is None
    beside = engine(protocol__final=True)
    beside.train(tmp_path / "beside")
    assert same(model(made, tmp_path), model(beside, tmp_path / "beside"))


@pytest.mark.parametrize("classifier", [pytest.param("svm", marks=pytest.mark.slow), "logistic"])
def test_a_shallow_classifier_leaves_its_final_model_to_whoever_needs_it(classifier):
    from ethnicmer_jax.data import targets
    from ethnicmer_jax.protocols import build
    from ethnicmer_jax.training.shallow import Shallow

    tables = []
    for final in (False, True):
        made = worlds.config(classifier=classifier, shallow__features="grid", protocol__final=final)
        plan = build(made.protocol, DATA, made.seed)
        labels = targets.build(DATA, "ethnicity", plan.grouping)
        tables.append(Shallow(made, DATA, labels, plan.folds).train().table)
    assert tables[0].equals(tables[1])
