"""Jobs, studies, sweeps and calibrations in which folds diverge; nothing reads them as whole."""

import json

import numpy as np
import pandas as pd
import pytest
import small_calibrations
import worlds

from ethnicmer_jax import jobs
from ethnicmer_jax.base.divergence import DivergedError
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import ensemble, incomplete
from ethnicmer_jax.jobs.calibration import runner as calibration
from ethnicmer_jax.jobs.sweep import grid, result_files
from ethnicmer_jax.jobs.sweep import runner as sweep
from ethnicmer_jax.training.shallow import trainer

PEOPLE = [
    ("lab", f"{ethnicity[0]}{number}", ethnicity)
    for ethnicity in ("Asian", "White")
    for number in range(4)
]
LOGISTIC = {"classifier": "logistic", "shallow__features": "grid", "engine__devices": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a manifest of 8 subjects with 3 clips each, and its database."""
    folder = tmp_path_factory.mktemp("incomplete")
    worlds.write_manifest(folder, PEOPLE)
    jobs.run(config_for(folder), folder / "whole")
    return folder


def config_for(folder, **overrides):
    where = {"data__raw": str(folder / "manifest.csv"), "data__data_dir": str(folder / "data")}
    return worlds.config(**{"data__source": "manifest", **where, **LOGISTIC} | overrides)


@pytest.fixture
def diverging(monkeypatch):
    """`diverging(which)`: of the folds of which it holds, predictions are NaN from now on.

    Returns how many folds were trained; `which` sees recipe, training and test mask.
    """
    genuine = trainer.run_fold

    def start(which):
        trained = []

        def run_fold(recipe, features, labels, train, test, classes):
            p = genuine(recipe, features, labels, train, test, classes)
            trained.append(which(recipe, train, test))
            return np.full_like(p, np.nan) if trained[-1] else p

        monkeypatch.setattr(trainer, "run_fold", run_fold)
        return trained

    return start


def first(recipe, train, test):
    return bool(test[0])


def never(recipe, train, test):
    return False


def test_an_incomplete_job_says_so_everywhere_and_is_completed_later(
    folder, tmp_path, diverging, capsys
):
    config, work = config_for(folder), tmp_path / "work"
    assert len(diverging(first)) == 0
    with pytest.raises(DivergedError, match=r"1 of 8 folds diverged: loso-seed0/lab-A0"):
        jobs.run(config, work)
    shown = capsys.readouterr().out
    assert "INCOMPLETE, no pooled score is reported" in shown
    assert "UF1" not in shown
    page = (work / "report" / "index.html").read_text()
    assert "This job is incomplete: 1 of 8 folds diverged." in page
    assert "lab-A0" in page
    assert "UF1" not in page
    told = json.loads((work / incomplete.FILE_NAME).read_text())
    assert told["planned"] == 8
    assert [one["subjects"] for one in told["diverged"]] == [["lab/A0"]]
    for name in ("predictions.csv", "metrics.json"):
        assert not (work / name).exists() or "uf1" not in (work / name).read_text()
    for use in (
        lambda: jobs.run(config, work, "report"),
        lambda: jobs.resume(work, "report"),
        lambda: ensemble.write([work, folder / "whole"], tmp_path / "mean"),
    ):
        with pytest.raises(DivergedError, match=r"1 of 8 folds diverged"):
            use()
    trained = diverging(never)
    jobs.run(config, work)
    assert len(trained) == 1
    assert not (work / incomplete.FILE_NAME).exists()
    whole = folder / "whole" / "predictions.csv"
    assert (work / "predictions.csv").read_bytes() == whole.read_bytes()
    assert "This job is incomplete" not in (work / "report" / "index.html").read_text()


def test_another_limit_goes_on_in_the_same_directory(folder, tmp_path, diverging):
    diverging(first)
    with pytest.raises(DivergedError):
        jobs.run(config_for(folder), tmp_path, "train")
    diverging(never)
    jobs.run(config_for(folder, optim__divergence=1e6), tmp_path, "train")
    assert (tmp_path / "predictions.csv").is_file()


@pytest.mark.parametrize("content", ["{}", "[]", '{"planned": 1, "diverged": [{}]}'])
def test_a_damaged_list_is_one_line(tmp_path, content):
    (tmp_path / incomplete.FILE_NAME).write_text(content)
    with pytest.raises(UserError, match=r"diverged\.json is .*: start the job again"):
        incomplete.read(tmp_path)


def test_a_sweep_goes_on_with_other_points(folder, tmp_path, diverging):
    config = config_for(folder, name="sweep")
    config.sweep = {"points": ({}, {"shallow.c": 2.0}, {"shallow.c": 3.0})}
    points = grid.points(config)
    result_files.describe(tmp_path, "sweep", points)
    diverging(lambda recipe, train, test: recipe.c == 2.0 and test[0])
    failures = sweep.run(points, tmp_path)
    assert list(failures) == ["c=2"]
    assert failures["c=2"].startswith("1 of 8 folds diverged")
    sweep.summarise(tmp_path)
    table = pd.read_csv(tmp_path / "summary.csv").set_index("point")
    assert table["status"].to_dict() == {"base": "finished", "c=2": "failed", "c=3": "finished"}
    assert "folds diverged" in table["error"]["c=2"]
    trained = diverging(never)
    assert sweep.run(points, tmp_path) == {}
    assert len(trained) == 1


def test_a_study_goes_on_with_other_jobs(folder, tmp_path, diverging):
    config = config_for(
        folder,
        protocol__name="study",
        protocol__contrasts=("ethnicity",),
        protocol__subjects=4,
        study__jobs=("arms", "pooled"),
        study__pooled_seeds=1,
    )
    # Arms learn from fewer than 7 subjects.
    diverging(lambda recipe, train, test: train.sum() < 21 and test[0])
    with pytest.raises(DivergedError, match=r"folds diverged: ethnicity\.") as caught:
        jobs.run(config, tmp_path)
    assert (tmp_path / "jobs" / "pooled" / "predictions.csv").is_file()
    assert "This job is incomplete" in (tmp_path / "report" / "index.html").read_text()
    with pytest.raises(DivergedError, match=r"folds diverged: ethnicity\."):
        jobs.run(config, tmp_path, "report")
    trained = diverging(never)
    jobs.run(config, tmp_path, "train")
    assert len(trained) == len(caught.value.folds)
    assert (tmp_path / "predictions.csv").is_file()
    assert not (tmp_path / incomplete.FILE_NAME).exists()


@pytest.mark.slow
def test_a_calibration_goes_on_with_other_databases(tmp_path, diverging):
    config = small_calibrations.config(effects=(0.0,), chunk=1)
    config.classifier = "logistic"
    diverged = []

    def once(recipe, train, test):
        diverged.append(not diverged)
        return diverged[-1]

    diverging(once)
    with pytest.raises(DivergedError, match=r"^1 of "):
        calibration.judged(config, tmp_path)
    assert len(list((tmp_path / "parts").glob("*.csv"))) == 1
    assert "This job is incomplete" in (tmp_path / "report" / "index.html").read_text()
    trained = diverging(never)
    assert len(calibration.judged(config, tmp_path)) == 2
    assert len(trained) == len(diverged) // 2
    assert not (tmp_path / incomplete.FILE_NAME).exists()
