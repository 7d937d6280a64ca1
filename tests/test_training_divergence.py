"""A fold that diverges is stopped and named; the others go on, and keep their bytes."""

import dataclasses
import functools
import json
import pickle

import jax
import numpy as np
import pytest
import worlds

from configs import common
from ethnicmer_jax.base.divergence import DivergedError, Divergence
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols.clip_sets import ClipSets
from ethnicmer_jax.training import losses
from ethnicmer_jax.training.checkpoint import FoldCheckpoints
from ethnicmer_jax.training.engine import Engine
from ethnicmer_jax.training.epochs import Epochs
from ethnicmer_jax.training.fold import Sums
from ethnicmer_jax.training.watch import Watch, finite_rows

DATA = worlds.world()
QUICK = {"engine__devices": 1, "engine__folds_in_flight": 6, "data__flow_scaling": "none"}
POISONED = int(np.flatnonzero(DATA.person == "casme2/s1")[0])
ILL = "loso-seed0/samm-s2"


def poisoned():
    """One clip has moved by 1e30 px: whoever learns from it diverges."""
    flow = DATA.flow.copy()
    flow[POISONED] *= np.float32(1e30)
    return dataclasses.replace(DATA, flow=flow)


def engine(data, **overrides):
    """Nobody tests the clip, and of all folds ILL alone learns from it."""
    made = worlds.engine(worlds.config(**QUICK, **overrides), data)
    folds = made.folds.select([row for row in range(len(made.folds)) if row != 0])
    assert folds.names.index(ILL) != 0
    masks = [folds.train[row].copy() for row in range(len(folds))]
    for name, mask in zip(folds.names, masks, strict=True):
        mask[POISONED] = name == ILL
    taught = ClipSets.of(masks, len(data))
    return Engine(made._config, data, made.targets, dataclasses.replace(folds, train=taught))


@functools.cache
def healthy(**overrides):
    return engine(DATA, **overrides).train().table


def test_a_fold_that_diverges_is_named_and_the_others_keep_their_bytes(tmp_path, monkeypatch):
    with pytest.raises(DivergedError) as caught:
        engine(poisoned(), checkpoint__keep="final").train(tmp_path)
    (one,) = caught.value.folds
    assert (one.name, one.subjects, one.epoch) == (ILL, ("samm/s2",), 1)
    assert not np.isfinite(one.loss)
    assert f"1 of 5 folds diverged: {ILL} (subject samm/s2, epoch 1, loss nan" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3
    kept = {path.name for path in (tmp_path / "checkpoints/loso-seed0").iterdir()}
    assert kept == {"casme2-s2", "casme2-s3", "samm-s1", "samm-s3"}
    curves = [json.loads(line) for line in (tmp_path / "scalars.jsonl").open()]
    assert len(curves) == 2
    assert all(np.isfinite(line["loss"]) for line in curves)
    # Once the clip is mended, the same command trains this fold, and only it.
    mended, trained = engine(DATA, checkpoint__keep="final"), []
    wanted, train = healthy(), Epochs.train

    def noted(self, flight, *rest):
        trained.extend(flight.names)
        return train(self, flight, *rest)

    monkeypatch.setattr(Epochs, "train", noted)
    assert mended.train(tmp_path).table.equals(wanted)
    assert trained == [ILL]


@pytest.mark.parametrize(
    "overrides",
    [
        {"checkpoint__keep": "every"},
        {"protocol__peek": "best_test_epoch"},
        # Each is another program to compile.
        pytest.param({"engine__fold_batch": 5}, marks=pytest.mark.slow),
        pytest.param({"optim__averaging": 0.9, "optim__epochs": 1}, marks=pytest.mark.slow),
    ],
)
def test_however_it_is_trained(tmp_path, overrides):
    for _ in range(2):  # and again at a restart
        with pytest.raises(DivergedError) as caught:
            engine(poisoned(), **overrides).train(tmp_path)
        assert [one.name for one in caught.value.folds] == [ILL]
    assert engine(DATA, **overrides).train(tmp_path).table.equals(healthy(**overrides))


def test_a_network_alone_says_so_too():
    with pytest.raises(DivergedError, match=r"samm-s2"):
        list(engine(poisoned()).trained())


def test_what_an_earlier_version_kept_is_trained_again(tmp_path):
    first = engine(DATA)
    first.train(tmp_path)
    for path in (tmp_path / "parts").glob("*.npz"):
        with np.load(path) as arrays:
            values = dict(arrays)
        values["p"][list(values["names"]).index(ILL)] = np.nan
        np.savez(path, **values)
    assert engine(DATA).train(tmp_path).table.equals(healthy())


def test_a_checkpoint_that_predicts_no_numbers_is_refused(tmp_path):
    made, saved = engine(DATA, checkpoint__keep="final"), FoldCheckpoints(tmp_path / "checkpoints")
    made.train(tmp_path)
    (flight,) = made._flights.of(np.array([made.folds.names.index(ILL)]))
    state = made._flights.saved_states(saved, flight)
    broken = jax.tree.map(lambda x: x * np.nan if x.dtype == np.float32 else x, state)
    saved.save([ILL], broken, made._config.optim.epochs + 1)
    with pytest.raises(UserError, match=r"network .*samm-s2 cannot be used: .* holds NaN"):
        made.evaluate(tmp_path)


def sums(loss, folds=3, **parts):
    examples = np.full(folds + 1, 4.0, np.float32)
    values = {"loss": np.asarray(loss, np.float32), **parts}
    values = {name: np.append(total, 0).astype(np.float32) * 4 for name, total in values.items()}
    return Sums(values, examples, examples)


def watch():
    guess = losses.of_guessing(losses.LossConfig(), 3, 5)
    return Watch(3, 100.0, guess)


def test_a_loss_of_many_times_guessing_stops_a_fold_and_an_ordinary_one_does_not():
    seen = watch()
    seen.see(1, sums([1.0, 30.0, 1.2], final=np.array([1.0, 30.0, 1.2])))
    assert seen.going.all()
    seen.see(2, sums([0.9, 200.0, 1.1], final=np.array([0.9, 200.0, 1.1])))
    seen.see(3, sums([0.8, 0.0, np.inf], final=np.array([0.8, 0.0, np.inf])))
    assert seen.going.tolist() == [True, False, False]
    assert seen.epoch.tolist() == [3, 2, 3]
    assert seen.loss[1] == 200.0
    assert seen.reason == ["", "182 times that of guessing", "no finite number"]


def test_a_part_that_counts_for_nothing_must_be_finite_too():
    seen = watch()
    parts = {"final": np.ones(3), "ethnic": np.array([1, np.nan, 1])}
    seen.see(1, sums([1.0, 1.0, 1.0], **parts))
    assert seen.going.tolist() == [True, False, True]


def test_only_rows_that_mean_something_are_looked_at():
    values = np.zeros((2, 3, 3))
    values[0, 2] = np.nan
    values[1, 0, 1] = np.inf
    assert finite_rows(values, np.array([2, 3])).tolist() == [True, False]


@pytest.mark.parametrize("loss", [4.9e13, float("nan"), float("inf")])
def test_a_divergence_survives_json_and_processes(loss):
    one = Divergence("loso-seed0", "samm-s2", ("samm/s2",), 3, loss, "no finite number")
    again = Divergence.of_plain(json.loads(json.dumps(one.plain(), allow_nan=False)))
    assert str(again) == str(one)
    error = pickle.loads(pickle.dumps(DivergedError([one], 7)))
    assert str(error) == str(DivergedError([one], 7))
    assert error.planned == 7


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"optim__learning_rate": 0.03},
        pytest.param(
            {"model__fusion": "adversarial", "model__adversarial_strength": 10.0},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_ordinary_training_stays_far_below_the_limit(monkeypatch, overrides):
    seen = []
    look = Watch.see

    def see(self, epoch, values):
        look(self, epoch, values)
        guess = sum(self._guess[part] for part in values.losses if part != "loss")
        seen.append((self.loss / guess).max())

    monkeypatch.setattr(Watch, "see", see)
    worlds.engine(worlds.config(engine__devices=1, **overrides), DATA).train()
    assert len(seen) == 2
    assert 10 * max(seen) < common.get_config().optim.divergence
