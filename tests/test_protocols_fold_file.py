import dataclasses

import numpy as np
import pytest

from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols import fold_file, leave_one_out


def test_every_test_clip_of_every_fold_is_expected(tmp_path):
    units = np.array(["a/1", "a/1", "b/1"])
    folds = leave_one_out(RunId(cell="loso", seed=0), units, np.ones(3, bool))
    fold_file.write(tmp_path / "folds.npz", folds, np.array(["a/1/x", "a/1/y", "b/1/<script>"]))
    assert list(fold_file.expected_rows(tmp_path / "folds.npz")) == [
        ("loso-seed0", "a-1", "a/1/x"),
        ("loso-seed0", "a-1", "a/1/y"),
        ("loso-seed0", "b-1", "b/1/<script>"),
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"folds.npz", ".sums"}


def test_files_over_the_same_clips_join_under_new_names(tmp_path):
    units, clips = np.array(["a/1", "b/1"]), np.array(["a/1/x", "b/1/y"])
    for name in ("loso-seed0", "a-longer-run-than-the-other-seed0"):
        folds = leave_one_out(RunId.parse(name), units, np.ones(2, bool))
        fold_file.write(tmp_path / f"{name}.npz", folds, clips)
    parts = [
        (tmp_path / "loso-seed0.npz", lambda run: dataclasses.replace(run, job="pooled")),
        (tmp_path / "a-longer-run-than-the-other-seed0.npz", lambda run: run),
    ]
    fold_file.concatenate(tmp_path / "all.npz", parts)
    assert list(fold_file.expected_rows(tmp_path / "all.npz")) == [
        ("pooled.loso-seed0", "a-1", "a/1/x"),
        ("pooled.loso-seed0", "b-1", "b/1/y"),
        ("a-longer-run-than-the-other-seed0", "a-1", "a/1/x"),
        ("a-longer-run-than-the-other-seed0", "b-1", "b/1/y"),
    ]


def test_files_over_other_clips_do_not_join(tmp_path):
    units = np.array(["a/1", "b/1"])
    folds = leave_one_out(RunId(cell="loso", seed=0), units, np.ones(2, bool))
    for name in "xy":
        fold_file.write(tmp_path / f"{name}.npz", folds, np.array([f"a/1/{name}", "b/1/c"]))
    with pytest.raises(ValueError, match="different clips"):
        fold_file.concatenate(
            tmp_path / "all.npz", [(tmp_path / f"{n}.npz", lambda run: run) for n in "xy"]
        )


def test_pickled_content_is_never_loaded(tmp_path):
    trap = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "folds.npz", run=trap, fold=trap, test=trap, size=trap, clips=trap)
    with pytest.raises(UserError, match="allow_pickle"):
        list(fold_file.expected_rows(tmp_path / "folds.npz"))
