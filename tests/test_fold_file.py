import numpy as np
import pytest

from ethnicmer_jax.protocols import fold_file, leave_one_out


def test_every_test_clip_of_every_fold_is_expected(tmp_path):
    units = np.array(["a/1", "a/1", "b/1"])
    folds = leave_one_out("loso-seed0", units, np.ones(3, bool), 0)
    fold_file.write(tmp_path / "folds.npz", folds, np.array(["a/1/x", "a/1/y", "b/1/<script>"]))
    assert list(fold_file.expected_rows(tmp_path / "folds.npz")) == [
        ("loso-seed0", "a-1", "a/1/x"),
        ("loso-seed0", "a-1", "a/1/y"),
        ("loso-seed0", "b-1", "b/1/<script>"),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["folds.npz"]


def test_pickled_content_is_never_loaded(tmp_path):
    trap = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "folds.npz", run=trap, fold=trap, test=trap, clips=trap)
    with pytest.raises(ValueError, match="allow_pickle"):
        list(fold_file.expected_rows(tmp_path / "folds.npz"))
