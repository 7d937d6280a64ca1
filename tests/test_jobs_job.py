"""The job in this process, on a small manifest; test_end_to_end.py runs the real command."""

import json
import shutil
import threading

import pandas as pd
import pytest
import worlds
from damage import as_of_an_earlier_version

from ethnicmer_jax import jobs
from ethnicmer_jax.base.predictions import read
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import job, preparation, work_directory

PEOPLE = (("lab", "<script>", "Asian"), ("lab", "s2", "Unknown"), ("lab", "s3", "White"))


def config_for(folder, **overrides):
    return worlds.config(
        **{
            "data__source": "manifest",
            "data__raw": str(folder / "manifest.csv"),
            "data__data_dir": str(folder / "data"),
            "checkpoint__keep": "final",
            "engine__devices": 1,
        }
        | overrides
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a manifest, its database and a finished work directory `run`."""
    folder = tmp_path_factory.mktemp("job")
    worlds.write_manifest(folder, PEOPLE)
    jobs.run(config_for(folder), folder / "run")
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished work directory; manifest and database are elsewhere."""
    shutil.copytree(finished / "run", tmp_path / "run")
    return tmp_path / "run"


def stamps(directory):
    kept = [directory / "predictions.csv", *(directory / "checkpoints").rglob("*")]
    return {path: path.stat().st_mtime_ns for path in kept}


def test_a_job_leaves_what_the_contract_promises(finished):
    run = finished / "run"
    names = {path.name for path in run.iterdir()}
    assert names == {
        *(
            "config.json",
            "checkpoints",
            "folds.npz",
            "metrics.json",
            "model_card.md",
            "networks.npz",
        ),
        *("predictions.csv", "provenance.json", "report", "scalars.jsonl", "tensorboard", ".sums"),
    }
    header = (run / "predictions.csv").read_text().splitlines()[0]
    assert header == (
        "run,fold,database,subject,clip,emotion,ethnicity,p_negative,p_positive,p_surprise"
    )
    assert len(read(run / "predictions.csv")) == 9
    metrics = json.loads((run / "metrics.json").read_text())
    run_metrics = metrics["runs"]["loso-seed0"]
    assert {"uf1", "uar", "accuracy", "f1", "n_clips", "n_folds", "groups", "databases"} <= set(
        run_metrics
    )
    assert (run_metrics["n_clips"], run_metrics["n_folds"]) == (9, 3)
    assert metrics["grouping"] == "strict"
    assert metrics["notes"][0] == "LOSO over 3 subjects"
    assert sorted(path.name for path in (run / "checkpoints/loso-seed0").iterdir()) == [
        *("lab-<script>", "lab-s2", "lab-s3"),
    ]


def test_a_hostile_subject_code_is_harmless_in_the_report(finished):
    page = (finished / "run" / "report" / "index.html").read_text()
    assert "lab/<script>" not in page


def test_a_finished_job_only_reports(finished, copied, monkeypatch):
    before = stamps(copied)
    shutil.rmtree(copied / "report")
    (copied / "metrics.json").unlink()
    # Without manifest and database nothing but the report is possible.
    changed = config_for(finished, data__data_dir="gone")
    monkeypatch.chdir(copied)
    for mode in ("all", "train", "report"):
        jobs.run(changed, copied, mode)
    assert stamps(copied) == before
    assert (copied / "report" / "index.html").is_file()
    assert not (copied / "gone").exists()


def test_a_work_directory_needs_no_config(finished, copied, monkeypatch):
    before = stamps(copied)
    shutil.rmtree(copied / "report")
    monkeypatch.chdir(copied)
    jobs.resume(copied, "report")
    assert (copied / "report" / "index.html").is_file()
    assert stamps(copied) == before


def test_an_interrupted_job_goes_on_from_its_work_directory(finished, copied):
    table = (copied / "predictions.csv").read_bytes()
    for name in ("predictions.csv", "metrics.json"):
        (copied / name).unlink()
    jobs.resume(copied)
    assert (copied / "predictions.csv").read_bytes() == table
    assert json.loads((copied / "metrics.json").read_text())["notes"][0] == "LOSO over 3 subjects"


def test_killed_before_the_predictions_nothing_of_the_provenance_is_lost(
    finished, copied, monkeypatch
):
    def killed(*arguments):
        raise KeyboardInterrupt

    for name in ("predictions.csv", "metrics.json"):
        (copied / name).unlink()
    with monkeypatch.context() as patched:
        patched.setattr(job.predictions, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            jobs.resume(copied)
    jobs.resume(copied)
    recorded = json.loads((copied / "metrics.json").read_text())
    assert recorded["notes"][0] == "LOSO over 3 subjects"
    assert recorded["environment"]["versions"]


@pytest.mark.parametrize("content", ["[]", "3", "null", "{}", "no JSON"])
def test_a_config_json_that_is_no_config_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=r"config\.json is no") as caught:
        jobs.resume(tmp_path)
    assert "\n" not in str(caught.value)


def test_settings_that_were_added_later_have_their_defaults(finished, copied):
    """A work directory of an earlier version can be reported, and gone on with."""
    recorded = json.loads((as_of_an_earlier_version(copied) / "config.json").read_text())
    del recorded["model"]["embed_size"], recorded["study"]
    (copied / "config.json").write_text(json.dumps(recorded))
    jobs.resume(copied, "report")
    jobs.run(config_for(finished), copied)
    with pytest.raises(UserError, match=r"another config \(model\.embed_size: 16 -> 8\)"):
        jobs.run(config_for(finished, model__embed_size=8), copied)


def test_a_number_of_classes_of_an_earlier_version_is_a_scheme(finished, copied):
    recorded = json.loads((as_of_an_earlier_version(copied) / "config.json").read_text())
    recorded["data"]["classes"] = 3
    (copied / "config.json").write_text(json.dumps(recorded))
    jobs.run(config_for(finished), copied)
    assert work_directory.recorded(copied).data.classes == "3"
    with pytest.raises(UserError, match=r"another config \(data\.classes: \"3\" -> \"2\"\)"):
        jobs.run(config_for(finished, data__classes="2"), copied)


def test_evaluating_again_gives_the_same_predictions(finished, copied):
    table = (copied / "predictions.csv").read_bytes()
    (copied / "predictions.csv").unlink()
    jobs.run(config_for(finished), copied, "evaluate")
    assert (copied / "predictions.csv").read_bytes() == table


def test_training_alone_does_not_report(finished, tmp_path):
    jobs.run(config_for(finished, optim__epochs=1), tmp_path / "run", "train")
    assert (tmp_path / "run" / "predictions.csv").is_file()
    assert not (tmp_path / "run" / "report").exists()


@pytest.mark.parametrize("mode", jobs.MODES)
def test_another_config_is_refused_with_the_difference(finished, copied, mode):
    before = stamps(copied)
    with pytest.raises(UserError, match=r"optim\.batch_size: 8 -> 4") as caught:
        jobs.run(config_for(finished, optim__batch_size=4), copied, mode)
    assert "--workdir" in str(caught.value)
    assert stamps(copied) == before


def test_engine_settings_may_differ(finished, copied):
    jobs.run(config_for(finished, engine__devices=2, engine__folds_in_flight=1), copied)


def test_a_recorded_config_is_the_one_that_was_used(finished, copied):
    before = stamps(copied)
    config = work_directory.recorded(copied)
    assert config.model.dropout == 0.5
    # Nothing differs, so nothing is refused and nothing is done again.
    jobs.run(config, copied)
    assert stamps(copied) == before


def test_the_engine_of_a_work_directory_predicts_what_the_job_did(finished, copied):
    engine, plan = job.engine(work_directory.recorded(copied), copied)
    assert len(plan.folds) == 3
    table = engine.evaluate(copied).table
    pd.testing.assert_frame_equal(table, read(copied / "predictions.csv").table)


def test_the_engine_of_another_config_is_refused(finished, copied):
    with pytest.raises(UserError, match=r"optim\.batch_size: 8 -> 4"):
        job.engine(config_for(finished, optim__batch_size=4), copied)
    with pytest.raises(UserError, match=r"nowhere/config\.json does not exist"):
        work_directory.recorded(finished / "nowhere")


def test_a_shallow_classifier_is_a_job_like_any_other(finished, tmp_path):
    config = config_for(finished, classifier="svm", shallow__features="pixels")
    jobs.run(config, tmp_path / "svm")
    run = tmp_path / "svm"
    names = {path.name for path in run.iterdir()}
    assert names == {
        *("config.json", "folds.npz", "metrics.json", "model_card.md", "networks.npz"),
        *("predictions.csv", "provenance.json", "report", ".sums"),
    }
    notes = json.loads((run / "metrics.json").read_text())["notes"]
    assert notes[0] == "LOSO over 3 subjects"
    assert notes[-1].startswith("RBF support vector machine, C = 100")
    table = read(run / "predictions.csv")
    assert sorted(table.key) == sorted(read(finished / "run" / "predictions.csv").key)
    before = (run / "predictions.csv").read_bytes()
    with pytest.raises(UserError, match="classifier svm keeps no checkpoints"):
        jobs.run(config, run, "evaluate")
    with pytest.raises(UserError, match="classifier svm keeps no checkpoints"):
        job.engine(config, run)
    jobs.run(config, run)
    assert (run / "predictions.csv").read_bytes() == before


def test_another_process_of_a_shallow_job_waits_for_the_first(finished, tmp_path, monkeypatch):
    def trained(config):
        raise AssertionError("only the first process trains")

    monkeypatch.setattr(preparation, "prepare", trained)
    config = config_for(finished, classifier="svm")
    first = threading.Timer(0.2, (tmp_path / "predictions.csv").touch)
    first.start()
    jobs.run(config, tmp_path, first=False)
    first.join()
    assert (tmp_path / "predictions.csv").exists()


def test_another_database_is_refused(finished, copied, tmp_path):
    shutil.copytree(finished, tmp_path / "other", ignore=shutil.ignore_patterns("run", "data"))
    table = pd.read_csv(tmp_path / "other" / "manifest.csv")
    table[1:].to_csv(tmp_path / "other" / "manifest.csv", index=False)
    (copied / "predictions.csv").unlink()
    with pytest.raises(UserError, match=r"database: \"manifest-\w+\" -> \"manifest-\w+\""):
        jobs.run(config_for(tmp_path / "other"), copied)


def test_missing_rows_are_named(finished, copied):
    as_of_an_earlier_version(copied)
    lines = (copied / "predictions.csv").read_text().splitlines(keepends=True)
    (copied / "predictions.csv").write_text("".join(lines[:3] + lines[4:]))
    with pytest.raises(UserError, match="1 of 9 rows missing: run loso-seed0, fold lab-<script>"):
        jobs.run(config_for(finished), copied)


def test_a_report_without_predictions_says_what_to_do(finished, tmp_path):
    with pytest.raises(UserError, match=r"predictions.csv does not exist: train first"):
        jobs.run(config_for(finished), tmp_path / "empty", "report")
    with pytest.raises(UserError, match="has no checkpoint"):
        jobs.run(config_for(finished), tmp_path / "empty", "evaluate")


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"data__raw": "gone.csv"}, r"gone\.csv"),
        ({"data__source": "casme9"}, "casme9"),
        ({"model__fusion": "sum"}, r"model\.fusion is 'sum'; it must be one of none, bias"),
        ({"model__emotion_input": "apex"}, "comes without frames"),
        ({"protocol__name": "folds"}, r"protocol\.name is 'folds'"),
        ({"protocol__name": "draws", "protocol__subjects": 2}, "asian subjects are asked for"),
        ({"data__classes": "8"}, r"data\.classes '8' is no class scheme"),
        ({"classifier": "svm", "shallow__features": "hog"}, "'hog'; it must be one of backbone"),
        ({"classifier": "svm", "model__fusion": "embed"}, "svm has no ethnic branch"),
        (
            {"classifier": "forest"},
            "classifier is 'forest'; it must be one of network",
        ),
    ],
)
def test_a_wrong_config_leaves_no_work_directory(finished, tmp_path, overrides, reason):
    with pytest.raises(UserError, match=reason) as caught:
        jobs.run(config_for(finished, **overrides), tmp_path / "w")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "w").exists()
