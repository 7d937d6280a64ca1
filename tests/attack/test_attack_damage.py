"""Every file that a job leaves, damaged in six ways: refused in one line, or the same bytes.

What is read is asked for the quick way here, by the functions that read it; the slow tests start
the job again, which trains what was lost.
"""

import pathlib

import numpy as np
import pytest
from damaging import KINDS, copy, damage, outcome

from ethnicmer_jax import inference
from ethnicmer_jax.base import sums
from ethnicmer_jax.jobs import work_directory
from ethnicmer_jax.report import files as report_files
from ethnicmer_jax.training.checkpoint import FoldCheckpoints

TOP = ("config.json", "provenance.json", "metrics.json", "final.json", "folds.npz", "networks.npz",
       "predictions.csv", "scalars.jsonl")  # fmt: skip


def read(directory: pathlib.Path):
    """All that a report, an ensemble or a prediction reads of a finished job."""
    config = work_directory.recorded(directory)
    finished = work_directory.read(directory)
    report_files.read(directory)
    trained = inference.open(directory)
    return config, finished, trained.expected


def assert_read_alike(directory, whole):
    """Reading does not find anything else than what was written."""
    config, finished, expected = read(directory)
    assert config.to_dict() == whole[0].to_dict()
    assert finished.table.table.equals(whole[1].table.table)
    assert (list(finished.notes), dict(finished.environment)) == (
        list(whole[1].notes), dict(whole[1].environment))  # fmt: skip
    assert expected == whole[2]


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_report_reads_is_what_was_written_or_refused(
    trained_workdir, trained_embed_workdir, tmp_path, kind
):
    whole = read(trained_workdir)
    for name in TOP:
        run = copy(trained_workdir, tmp_path / "run")
        damage(run / name, kind, trained_embed_workdir / name)
        said = outcome(lambda run=run: assert_read_alike(run, whole))
        assert said == "done" or name in said, (name, said)


@pytest.mark.parametrize("kind", ["truncated", "empty", "other type"])
def test_work_directories_of_earlier_versions_are_read_or_refused_as_well(
    trained_workdir, tmp_path, kind
):
    for name in TOP:
        run = copy(trained_workdir, tmp_path / "run")
        (run / ".sums").unlink()
        assert_read_alike(run, read(trained_workdir))
        damage(run / name, kind)
        said = outcome(lambda run=run: read(run))
        assert said == "done" or name in said, (name, said)


def test_a_file_of_sums_that_is_damaged_itself_refuses_nothing_that_is_whole(
    trained_workdir, tmp_path
):
    whole = read(trained_workdir)
    for seed in range(20):
        run = copy(trained_workdir, tmp_path / "run")
        damage(run / ".sums", "flipped", seed=seed)
        assert_read_alike(run, whole)
    for kind in ("truncated", "empty", "missing", "foreign"):
        run = copy(trained_workdir, tmp_path / "run")
        damage(run / ".sums", kind)
        assert_read_alike(run, whole)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Two folds of a network."""
    folder = tmp_path_factory.mktemp("saved")
    rng = np.random.default_rng(0)
    for name, factor in (("run/a", 1.0), ("run/b", 2.0)):
        weights = (factor * rng.normal(size=(1, 40, 30))).astype(np.float32)
        states = {"params": {"w": weights}, "batch_stats": {"m": weights[:, 0]}}
        FoldCheckpoints(folder).save([name], states, 2)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_is_what_was_saved_or_refused(checkpoints, tmp_path, kind):
    whole = FoldCheckpoints(checkpoints).network("run/a")
    names = sorted(
        path.relative_to(checkpoints / "run" / "a")
        for path in (checkpoints / "run" / "a" / "2").rglob("*")
        if path.is_file()
    )
    refused = 0
    for seed in range(4 if kind == "flipped" else 1):
        for name in names:
            folder = copy(checkpoints, tmp_path / "saved")
            damage(folder / "run" / "a" / name, kind, folder / "run" / "b" / name, seed)

            def same(folder=folder):
                found = FoldCheckpoints(folder).network("run/a")
                assert np.array_equal(found["params"]["w"], whole["params"]["w"])
                assert np.array_equal(found["batch_stats"]["m"], whole["batch_stats"]["m"])

            said = outcome(same)
            assert said == "done" or "run/a" in said
            refused += said != "done"
    assert refused or kind == "flipped"


def test_a_checkpoint_of_another_fold_is_seen(checkpoints, tmp_path):
    folder = copy(checkpoints, tmp_path / "saved")
    copy(folder / "run" / "b" / "2", folder / "run" / "a" / "2")
    with pytest.raises(sums.DamagedError, match="run/a"):
        FoldCheckpoints(folder).network("run/a")
