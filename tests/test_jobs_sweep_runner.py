"""Sweeps in this process, on a small manifest; test_sweep.py has the command."""

import shutil
import threading

import ml_collections
import pandas as pd
import pytest
import worlds

from ethnicmer_jax import jobs
from ethnicmer_jax.base import lock
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs.sweep import grid, result_files, runner, selection

PEOPLE = (("lab", "s1", "Asian"), ("lab", "s2", "Unknown"), ("lab", "s3", "White"))
POINTS = ({}, {"shallow.c": 2}, {"protocol.inner_folds": 9})


def points_of(folder, *points, **overrides):
    config = worlds.config(
        **{
            "name": "tiny",
            "data__source": "manifest",
            "data__raw": str(folder / "manifest.csv"),
            "data__data_dir": str(folder / "data"),
            "protocol__name": "nested",
            "protocol__inner_folds": 2,
            "classifier": "logistic",
            "shallow__features": "grid",
        }
        | overrides
    )
    config.sweep = ml_collections.ConfigDict({"points": points})
    return grid.points(config)


def run(directory, points, mine=None):
    result_files.describe(directory, "tiny", points)
    failures = runner.run(points if mine is None else mine, directory)
    runner.summarise(directory)
    return failures


def summary(directory):
    return pd.read_csv(directory / "summary.csv").set_index("point")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a manifest, its database and the sweep `all`; the last point fails."""
    folder = tmp_path_factory.mktemp("sweep")
    worlds.write_manifest(folder, PEOPLE)
    points = points_of(folder, *POINTS)
    # Two processes share the work; the second one is faster.
    assert run(folder / "all", points, grid.share(points, "2/2")) == {}
    assert (summary(folder / "all").status == ["not finished", "finished", "not finished"]).all()
    failures = run(folder / "all", points, grid.share(points, "1/2"))
    assert list(failures) == ["inner_folds=9"]
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the sweep; manifest and database are elsewhere."""
    shutil.copytree(finished / "all", tmp_path / "all")
    return tmp_path / "all"


def stamps(directory):
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {path: path.stat().st_mtime_ns for path in files if path.name != "config.json"}


def test_every_point_is_a_job_and_a_failure_stops_no_other(finished):
    table = summary(finished / "all")
    assert table.status.to_dict() == {
        "base": "finished",
        "c=2": "finished",
        "inner_folds=9": "failed",
    }
    assert table.error["inner_folds=9"].startswith("protocol.inner_folds is 9")
    # 9 clips, each predicted once by LOSO; the inner folds do not count.
    assert table.clips.tolist()[:2] == [9, 9]
    assert (table.seconds[:2] > 0).all()
    assert table.difference.notna().tolist() == [False, True, False]
    for name in ("base", "c=2"):
        point = finished / "all" / "points" / name
        assert (point / "report" / "index.html").is_file()
        assert f"tiny, {name}" in (point / "config.json").read_text()
    assert not (finished / "all" / "points" / "inner_folds=9").exists()
    assert (finished / "all" / "summary.html").is_file()


def test_the_reports_of_nested_jobs_know_no_inner_run(finished):
    point = finished / "all" / "points" / "base"
    assert "inner." in (point / "predictions.csv").read_text()
    assert '"inner.' not in (point / "metrics.json").read_text()
    for path in (point / "report").rglob("*.[ch][st][vm]*"):
        assert "inner." not in path.read_text(), path


def test_what_is_finished_is_not_touched_again(finished, copied):
    before = stamps(copied / "points")
    assert list(run(copied, points_of(finished, *POINTS))) == ["inner_folds=9"]
    assert stamps(copied / "points") == before


def test_a_sweep_goes_on_where_it_was(finished, copied):
    predictions = (copied / "points/base/predictions.csv").read_bytes()
    shutil.rmtree(copied / "points/base/report")
    shutil.rmtree(copied / "points/c=2")
    runner.summarise(copied)
    assert summary(copied).status["c=2"] == "not finished"
    # The point that failed has been taken out of the grid.
    assert run(copied, points_of(finished, *POINTS[:2])) == {}
    assert (copied / "points/base/report/index.html").is_file()
    assert (copied / "points/base/predictions.csv").read_bytes() == predictions
    again = summary(copied)
    assert again.status.tolist() == ["finished", "finished"]
    old = summary(finished / "all")
    pd.testing.assert_series_equal(again.uf1, old.uf1[:2])


def test_another_base_config_is_refused_point_by_point(finished, copied):
    before = stamps(copied / "points")
    failures = run(copied, points_of(finished, *POINTS[:2], data__mirror=False))
    assert list(failures) == ["base", "c=2"]
    assert "data.mirror: true -> false" in failures["base"]
    assert stamps(copied / "points") == before
    # What is there remains what it was.
    assert summary(copied).status.tolist() == ["finished", "finished"]


def test_a_fault_of_ours_is_one_line_and_a_traceback_in_a_file(finished, copied, monkeypatch):
    def without_memory(config, directory, mode="all"):
        raise MemoryError("out of\nmemory")

    shutil.rmtree(copied / "points" / "c=2")
    monkeypatch.setattr(jobs, "run", without_memory)
    points = points_of(finished, *POINTS[:2])
    failures = run(copied, points, points[1:])
    line = "MemoryError: out of memory (traceback in errors/c=2.txt)"
    assert failures == {"c=2": line}
    assert "in without_memory" in (copied / "errors" / "c=2.txt").read_text()
    assert summary(copied).status.tolist() == ["finished", "failed"]
    assert summary(copied).error["c=2"] == line


def test_a_nested_sweep_can_be_selected_from(finished, copied):
    run(copied, points_of(finished, *POINTS[:2]))
    selection.write(copied, copied / "selected")
    chosen = pd.read_csv(copied / "selected" / "selection.csv")
    assert chosen.fold.tolist() == ["lab-s1", "lab-s2", "lab-s3"]
    assert set(chosen.chosen) <= {"base", "c=2"}
    assert (copied / "selected" / "report" / "index.html").is_file()


def test_the_directory_of_another_sweep_or_of_a_job_is_refused(finished, copied):
    points = points_of(finished, *POINTS)
    before = (copied / "sweep.json").read_bytes()
    with pytest.raises(UserError, match="holds the sweep tiny, not huge"):
        result_files.describe(copied, "huge", points)
    assert (copied / "sweep.json").read_bytes() == before
    with pytest.raises(UserError, match="is the work directory of a job"):
        result_files.describe(copied / "points" / "base", "tiny", points)


def test_the_summary_is_printed(copied, capsys):
    runner.summarise(copied)
    out = capsys.readouterr().out
    for words in ("base", "c=2", "failed", "2 of 3 points are finished", "summary.html"):
        assert words in out


def test_a_wrong_value_is_refused_before_anything_runs(finished):
    with pytest.raises(UserError, match=r"^point classes=8: data\.classes '8' is no class scheme"):
        points_of(finished, {}, {"data.classes": 8})


def test_a_wrong_point_is_refused_before_anything_runs(finished, tmp_path):
    with pytest.raises(UserError, match=r"did you mean shallow\.c"):
        points_of(finished, {}, {"shallow.d": 1})


def test_a_point_that_another_process_runs_is_left_to_it(finished, tmp_path, capsys):
    points = points_of(finished, {})
    work = result_files.work_directory(tmp_path, points[0].name)
    locked, over = threading.Event(), threading.Event()

    def other():
        with lock.held(work):
            locked.set()
            over.wait()

    thread = threading.Thread(target=other)
    thread.start()
    locked.wait()
    assert run(tmp_path, points) == {}
    over.set()
    thread.join()
    said = " ".join(capsys.readouterr().out.split())
    assert "left to whoever runs it:" in said
    assert "0 of 1 points are finished" in said
