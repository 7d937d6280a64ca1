"""Averaging runs: known means, and what cannot be averaged."""

import json

import numpy as np
import pandas as pd
import pytest

from ethnicmer_jax import jobs
from ethnicmer_jax.base import predictions
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import ensemble
from ethnicmer_jax.protocols import fold_file
from ethnicmer_jax.protocols.clip_sets import ClipSets
from ethnicmer_jax.protocols.fold_table import FoldTable


def table(run: str, negative: list[float], emotion: str = "negative") -> Predictions:
    """One subject's clips with these probabilities of negative; the rest is positive."""
    p = np.asarray(negative)
    return Predictions.from_table(
        pd.DataFrame(
            {
                "run": run,
                "fold": "samm-006",
                "database": "samm",
                "subject": "006",
                "clip": [f"006_{i}" for i in range(len(p))],
                "emotion": emotion,
                "ethnicity": "White",
                "p_negative": p,
                "p_positive": 1 - p,
                "p_surprise": 0.0,
            }
        )
    )


def test_seeds_of_one_arm_become_one_run_and_draws_stay_apart():
    rows = [
        table("stereo-draw0-seed0", [0.2, 1.0]),
        table("stereo-draw0-seed1", [0.6, 0.0]),
        table("stereo-draw1-seed0", [0.9, 0.9]),
        table("stereo-draw1-seed1", [0.7, 0.5]),
    ]
    mean, members = ensemble.averaged(rows)
    assert members == 2
    assert mean.runs == ("stereo-draw0", "stereo-draw1")
    np.testing.assert_allclose(mean.table["p_negative"], [0.4, 0.5, 0.8, 0.7])


def test_jobs_average_like_seeds():
    mean, members = ensemble.averaged([table("loso-seed0", [0.1]), table("loso-seed0", [0.5])])
    assert (members, mean.runs) == (2, ("loso",))
    np.testing.assert_allclose(mean.table["p_negative"], [0.3])


def test_unequal_numbers_of_predictions_are_refused():
    rows = [table("loso-seed0", [0.1, 0.2]), table("loso-seed1", [0.1])]
    with pytest.raises(UserError, match="006_1 has 1"):
        ensemble.averaged(rows)


def test_labels_that_disagree_are_refused():
    rows = [table("loso-seed0", [0.1]), table("loso-seed1", [0.1], emotion="positive")]
    with pytest.raises(UserError, match="disagree"):
        ensemble.averaged(rows)


CONFIG = {"name": "loso", "protocol": {"name": "loso", "grouping": "strict"}}


@pytest.fixture
def work(tmp_path):
    """Three finished jobs, `a` to `c`, of one seed each."""
    for number, name in enumerate("abc"):
        predictions.write(
            tmp_path / name / "predictions.csv", table(f"loso-seed{number}", [0.2 * number, 0.9])
        )
        (tmp_path / name / "config.json").write_text(json.dumps(CONFIG | {"name": name}))
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_mean_of_two_jobs_is_a_work_directory_that_reports_alone(work):
    ensemble.write([work / "a", work / "b"], work / "mean")
    metrics = json.loads((work / "mean" / "metrics.json").read_text())
    assert metrics["notes"] == ["every clip: the mean over 2 models"]
    assert metrics["environment"].keys() == {"command", "code"}
    (work / "mean" / "report" / "index.html").unlink()
    jobs.resume(work / "mean", "report")
    assert (work / "mean" / "report" / "index.html").is_file()
    assert json.loads((work / "mean" / "metrics.json").read_text()) == metrics
    with pytest.raises(UserError, match="made of other jobs' predictions; only --mode=report"):
        jobs.resume(work / "mean", "train")


def test_the_same_mean_again_is_fine(work):
    ensemble.write([work / "a", work / "b"], work / "mean")
    before = (work / "mean" / "predictions.csv").read_bytes()
    ensemble.write([work / "a", work / "b"], work / "mean")
    assert (work / "mean" / "predictions.csv").read_bytes() == before


def test_another_mean_is_replaced_when_that_is_asked_for(work):
    ensemble.write([work / "a", work / "b"], work / "mean")
    before = contents(work / "mean")
    with pytest.raises(UserError, match=r"holds a, b, averaged; .* replace it with --overwrite"):
        ensemble.write([work / "a", work / "c"], work / "mean")
    assert contents(work / "mean") == before
    ensemble.write([work / "a", work / "c"], work / "mean", overwrite=True)
    assert json.loads((work / "mean" / "config.json").read_text())["name"] == "a, c, averaged"


@pytest.mark.parametrize("overwrite", [False, True])
def test_no_trained_job_study_or_sweep_is_ever_replaced(work, overwrite):
    (work / "study" / "jobs").mkdir(parents=True)
    (work / "sweep" / "points").mkdir(parents=True)
    before = contents(work)
    for name in ("c", "study", "sweep"):
        with pytest.raises(UserError, match="holds results of its own; name another directory"):
            ensemble.write([work / "a", work / "b"], work / name, overwrite=overwrite)
    with pytest.raises(UserError, match="is one of the jobs"):
        ensemble.write([work / "a", work / "b"], work / "b", overwrite=overwrite)
    assert contents(work) == before


def test_a_job_counts_once(work):
    for again in (work / "a", work / "b" / ".." / "a"):
        with pytest.raises(UserError, match="is given twice"):
            ensemble.write([work / "a", again], work / "mean")
    assert not (work / "mean").exists()


def test_the_jobs_have_to_be_complete(work):
    fold_file_of = work / "a" / "folds.npz"
    whole = predictions.read(work / "a" / "predictions.csv")
    folds = FoldTable(
        run=np.array(["loso-seed0"]),
        fold=np.array(["samm-006"]),
        train=ClipSets.of([np.array([True, False, False])], 3),
        test=ClipSets.of([np.array([False, True, True])], 3),
        seed=np.array([0]),
    )
    fold_file.write(fold_file_of, folds, np.array(["samm/007/x", *whole.key]))
    ensemble.write([work / "a", work / "b"], work / "mean")
    predictions.write(work / "a" / "predictions.csv", whole.select(np.array([True, False])))
    with pytest.raises(UserError, match="1 of 2 rows missing"):
        ensemble.write([work / "a", work / "b"], work / "other")


def test_a_job_does_not_count_twice_through_an_average_of_it(work):
    ensemble.write([work / "a", work / "b"], work / "mean")
    with pytest.raises(UserError, match=r"share the models of .*a, which would count"):
        ensemble.write([work / "mean", work / "a"], work / "both")
    ensemble.write([work / "mean", work / "c"], work / "other")
    with pytest.raises(UserError, match="share the models of"):
        ensemble.write([work / "other", work / "mean"], work / "both")
    assert not (work / "both").exists()
