import threading
import time
import zlib

import numpy as np
import pytest
import worlds

from ethnicmer_jax.base import files, waiting
from ethnicmer_jax.base.grouping import grouping
from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.data import targets
from ethnicmer_jax.protocols import leave_one_out
from ethnicmer_jax.training.fold_results import FoldResults

DATA = worlds.world(size=2)
TARGETS = targets.build(DATA, "group", grouping("strict"))
FOLDS = leave_one_out(RunId(cell="loso", seed=0), DATA.person, np.ones(len(DATA), bool))


def heads(rows, with_ethnic=True):
    """Probabilities that say which fold they belong to, with one row to be ignored."""
    p = np.stack([np.full((4, 3), [r / 10, 0.2, 0.8 - r / 10], np.float32) for r in rows])
    q = np.stack([np.full((4, 2), [r / 10, 1 - r / 10], np.float32) for r in rows])
    p[:, 3] = q[:, 3] = np.nan
    return {"p": p, "q": q} if with_ethnic else {"p": p}


def add(results, rows, **options):
    names = FOLDS.select(rows).names
    results.add(names, np.full(len(rows), 3), heads(rows, **options))


@pytest.mark.parametrize("order", [[[0, 1, 2, 3, 4, 5]], [[5, 2], [0], [4, 1, 3]]])
def test_predictions_follow_the_fold_table_whatever_the_order(order):
    results = FoldResults(None)
    for rows in order:
        add(results, rows)
    table = results.predictions(FOLDS, DATA, TARGETS).table
    assert (table["fold"] == np.repeat(FOLDS.fold, 3)).all()
    assert (table["database"] + "/" + table["subject"] + "/" + table["clip"]).tolist() == list(
        DATA.key
    )
    expected = np.repeat(np.arange(6), 3) / 10
    np.testing.assert_allclose(table["p_negative"], expected, atol=1e-6)
    np.testing.assert_allclose(table["q_asian"], expected, atol=1e-6)
    assert table["ethnicity"].tolist()[6] == "Unknown"
    assert table["emotion"].tolist()[:3] == ["negative", "positive", "surprise"]


def test_finished_folds_are_found_again(tmp_path):
    first = FoldResults(tmp_path / "parts")
    assert first.done == set()
    add(first, [0, 1])
    add(first, [2])
    again = FoldResults(tmp_path / "parts")
    assert again.done == set(FOLDS.select([0, 1, 2]).names)
    add(again, [3, 4, 5])
    whole = FoldResults(tmp_path / "parts").predictions(FOLDS, DATA, TARGETS).table
    in_memory = FoldResults(None)
    add(in_memory, [0, 1, 2, 3, 4, 5])
    assert whole.equals(in_memory.predictions(FOLDS, DATA, TARGETS).table)


def test_models_without_an_ethnic_head_have_no_q_columns():
    results = FoldResults(None)
    add(results, [0, 1, 2, 3, 4, 5], with_ethnic=False)
    table = results.predictions(FOLDS, DATA, TARGETS).table
    assert not [name for name in table.columns if name.startswith("q_")]


def test_a_half_written_part_is_ignored(tmp_path):
    results = FoldResults(tmp_path)
    add(results, [0])
    (part,) = tmp_path.glob("*.npz")
    (tmp_path / "0000.partial").write_bytes(part.read_bytes()[:40])
    assert FoldResults(tmp_path).done == {FOLDS.names[0]}


def test_parts_go_when_they_are_not_needed_any_more(tmp_path):
    results = FoldResults(tmp_path / "parts")
    add(results, [0])
    results.clear()
    assert list(tmp_path.iterdir()) == []
    results.clear()


SAME_CRC = ("run/casme2-sub735991", "run/casme2-sub14000020")
"""Two names of folds with the same CRC-32: the first such pair that counting up finds."""


def test_no_two_sets_of_folds_share_a_file(tmp_path):
    """Of two processes, one would write over the results of the other, which waits for ever."""
    one, two = SAME_CRC
    assert zlib.crc32(one.encode()) == zlib.crc32(two.encode())
    sets = [[one], [two], [one, two], ["a", "b c"], ["a b", "c"]]
    for names in sets:
        FoldResults(tmp_path).add(names, np.full(len(names), 3), heads(range(len(names))))
    assert len(list(tmp_path.glob("*.npz"))) == len(sets)
    assert FoldResults(tmp_path).done == {name for names in sets for name in names}


def test_results_of_other_processes_are_read_once(tmp_path, monkeypatch):
    monkeypatch.setattr(waiting, "_INTERVAL", 0.01)
    read = []
    load = files.read_arrays
    monkeypatch.setattr(files, "read_arrays", lambda path: read.append(path) or load(path))
    # In an earlier life the other process had finished a share of which a part is gone.
    FoldResults(tmp_path, None, (1, 2)).finish_share()
    results = FoldResults(tmp_path, None, (0, 2))
    add(results, [0])
    results.finish_share()

    def others():
        time.sleep(0.05)
        other = FoldResults(tmp_path, None, (1, 2))
        for row in range(1, 6):
            add(other, [row])
            time.sleep(0.02)
        other.finish_share()

    worker = threading.Thread(target=others)
    worker.start()
    results.wait_for(FOLDS.names)
    worker.join()
    ours = [path for path in read if path.parent == tmp_path]
    assert len(ours) == len(set(ours)) == 6
    assert results.done == set(FOLDS.names)
