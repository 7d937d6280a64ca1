"""The habit of the field, known answers: of each fold, the epoch that its test clips like best."""

import functools

import numpy as np
import pytest
import worlds

from ethnicmer_jax.base.reportable import COLUMN
from ethnicmer_jax.training.checkpoint import FoldCheckpoints
from ethnicmer_jax.training.fold_results import FoldResults
from ethnicmer_jax.training.peeking import BestEpochs

DATA = worlds.world()
EPOCHS = 4


def made(**overrides):
    defaults = {"protocol__peek": "best_test_epoch", "optim__epochs": EPOCHS}
    one = {"engine__devices": 1, "engine__folds_in_flight": 2}
    return worlds.config(**(defaults | one | overrides))


@functools.cache
def peeked():
    return worlds.engine(made(), DATA).train()


@functools.cache
def honest(epochs):
    return worlds.engine(made(protocol__peek="none", optim__epochs=epochs), DATA).train()


def heads(*answers, classes=3):
    """Probabilities of one fold whose clips get these answers, and a row that means nothing."""
    return {"p": np.eye(classes, dtype=np.float32)[[[*answers, 0]]]}


def test_of_equal_epochs_the_last_one_counts():
    best = BestEpochs([np.array([0, 1, 2])])
    for answers in ((0, 0, 0), (0, 1, 0), (2, 1, 2), (0, 0, 0)):  # 1, 2, 2 and 1 are right
        best.see(heads(*answers))
    assert best.heads["p"][0, :3].argmax(-1).tolist() == [2, 1, 2]
    assert best.heads["answers"][0, :3].T.tolist() == [[0, 0, 0], [0, 1, 0], [2, 1, 2], [0, 0, 0]]


def test_every_fold_chooses_for_itself():
    best = BestEpochs([np.array([0]), np.array([1])])
    for answer in (0, 1, 2):
        best.see({"p": np.eye(3, dtype=np.float32)[[[answer], [answer]]]})
    assert best.heads["p"].argmax(-1).tolist() == [[0], [1]]


def test_what_was_seen_after_an_epoch_is_what_that_many_epochs_predict():
    answers = peeked().answers_by_epoch
    assert answers.shape == (len(DATA), EPOCHS)
    for epochs in range(1, EPOCHS + 1):
        assert answers[:, epochs - 1].tolist() == honest(epochs).predicted.tolist()


def test_the_kept_predictions_are_bit_for_bit_those_of_the_best_epoch():
    found = peeked()
    for _, rows in found.table.groupby("fold"):
        picked, truth = rows.index.to_numpy(), found.emotion_index[rows.index]
        right = [(honest(n).predicted[picked] == truth).sum() for n in range(1, EPOCHS + 1)]
        best = max(range(EPOCHS), key=lambda number: (right[number], number)) + 1
        expected = honest(best).probabilities()[picked]
        assert np.array_equal(found.probabilities()[picked], expected)
    assert found.not_reportable
    assert (found.table[COLUMN] != "").all()


def test_without_the_habit_nothing_is_recorded_and_nothing_marked():
    found = honest(2)
    assert not found.not_reportable
    assert set(found.table.columns).isdisjoint({COLUMN, "answers_by_epoch"})


def test_several_devices_choose_the_same():
    found = worlds.engine(made(engine__devices=2, engine__folds_in_flight=6), DATA).train()
    assert found.table.equals(peeked().table)


@pytest.mark.slow
def test_batches_of_folds_change_rounding_only():
    found = worlds.engine(made(engine__fold_batch=3, engine__folds_in_flight=3), DATA).train()
    np.testing.assert_allclose(found.probabilities(), peeked().probabilities(), atol=1e-5)
    assert np.array_equal(found.answers_by_epoch, peeked().answers_by_epoch)


@pytest.mark.slow
def test_a_run_that_was_cut_off_within_folds_chooses_the_same(tmp_path, monkeypatch):
    """Epochs that were seen before count again, though the folds have checkpoints of them."""
    config = made(checkpoint__keep="every")
    with monkeypatch.context() as broken:
        save, calls = FoldCheckpoints.save, iter(range(1))

        def failing(self, *arguments):
            save(self, *arguments)
            if next(calls, None) is None:
                raise KeyboardInterrupt

        broken.setattr(FoldCheckpoints, "save", failing)
        with pytest.raises(KeyboardInterrupt):
            worlds.engine(config, DATA).train(tmp_path)
    assert worlds.engine(config, DATA).train(tmp_path).table.equals(peeked().table)


def test_a_run_that_was_cut_off_chooses_the_same(tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        add = FoldResults.add

        def failing(self, *arguments):
            add(self, *arguments)
            raise KeyboardInterrupt

        broken.setattr(FoldResults, "add", failing)
        with pytest.raises(KeyboardInterrupt):
            worlds.engine(made(), DATA).train(tmp_path)
    assert list((tmp_path / "parts").glob("*.npz"))
    assert worlds.engine(made(), DATA).train(tmp_path).table.equals(peeked().table)
