"""Studies in this process, on a small manifest."""

import json
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import worlds
from damage import as_of_an_earlier_version

from ethnicmer_jax import jobs
from ethnicmer_jax.base.predictions import read
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import work_directory
from ethnicmer_jax.jobs.study import runner
from ethnicmer_jax.training.fold_results import FoldResults

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEOPLE = [
    ("lab", f"{ethnicity[0]}{number}", ethnicity)
    for ethnicity in ("Asian", "White")
    for number in range(4)
]
JOBS = ("arms", "pooled", "embed", "embed_swapped")


def config_for(folder, **overrides):
    made = worlds.config(
        **{
            "name": "study",
            "data__source": "manifest",
            "data__raw": str(folder / "manifest.csv"),
            "data__data_dir": str(folder / "data"),
            "engine__devices": 1,
            "optim__epochs": 1,
            # One step holds any training set: arms and LOSO compile to the same program.
            "optim__batch_size": 32,
            "protocol__name": "study",
            "protocol__contrasts": ("ethnicity", "placebo"),
            "protocol__subjects": 4,
            "study__jobs": JOBS,
            "study__pooled_seeds": 2,
            "study__label_seeds": 1,
        }
        | overrides
    )
    return made


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a manifest, its database and a trained study `run`."""
    folder = tmp_path_factory.mktemp("study")
    worlds.write_manifest(folder, PEOPLE)
    jobs.run(config_for(folder), folder / "run", "train")
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    """The top of the finished study: neither jobs nor data."""
    (tmp_path / "run").mkdir()
    for path in (finished / "run").iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path / "run")
    return tmp_path / "run"


def test_a_study_is_one_table_over_ordinary_jobs(finished):
    run = finished / "run"
    assert {path.name for path in run.iterdir()} >= {
        *("config.json", "folds.npz", "metrics.json", "predictions.csv", "jobs"),
        *("matching.csv", "matching_draws.csv", "action_units.csv"),
    }
    assert {path.name for path in (run / "jobs").iterdir()} == set(JOBS)
    table = read(run / "predictions.csv")
    runs = set(table.runs)
    assert runs >= {
        *("ethnicity.stereo-draw0-seed0", "placebo.a_to_b-draw0-seed0"),
        *("pooled.loso-seed0", "pooled.loso-seed1", "embed.loso-seed0"),
        "embed_swapped.loso-seed0",
    }
    arms = read(run / "jobs" / "arms" / "predictions.csv").table
    top = table.table[table.table["run"].isin(arms["run"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(top, arms)
    recorded = json.loads((run / "metrics.json").read_text())
    assert set(recorded["runs"]) == runs
    assert set(recorded["summary"]) == {run.split("-draw")[0].split("-seed")[0] for run in runs}
    assert recorded["summary"]["pooled.loso"]["uf1"]["n_runs"] == 2
    assert any(note.startswith("ethnic groups, draw 1 of 1") for note in recorded["notes"])
    # What comes later can open a job of a study like any other work directory.
    assert work_directory.recorded(run / "jobs" / "embed").model.embed_source == "label"


def test_swapped_labels_change_predictions_and_nothing_else(finished):
    table = read(finished / "run" / "predictions.csv").table
    truly, swapped = (
        table[table["run"] == f"{name}.loso-seed0"].reset_index(drop=True)
        for name in ("embed", "embed_swapped")
    )
    same = ["fold", "database", "subject", "clip", "emotion", "ethnicity"]
    pd.testing.assert_frame_equal(truly[same], swapped[same])
    assert not np.allclose(truly["p_negative"], swapped["p_negative"])


def test_matching_says_what_the_arms_consist_of(finished):
    matching = pd.read_csv(finished / "run" / "matching.csv").set_index("arm")
    assert matching.columns[0] == "draws"
    # 4 subjects of 3 clips, one of each class, all in one database.
    for arm in ("ethnicity.mono_asian", "ethnicity.stereo", "placebo.mono_a"):
        row = matching.loc[arm]
        assert (row.subjects, row.clips, row.clips_lab) == (4, 12, 12)
        assert row.share_negative == pytest.approx(1 / 3)
        assert row.kept == 1
    assert matching.loc["ethnicity.mono_asian", "alike_in_database"] == 1
    assert np.isnan(matching.loc["ethnicity.stereo", "alike_in_database"])


def test_the_report_follows_the_predictions_and_needs_no_jobs(
    finished, copied, monkeypatch, capsys
):
    monkeypatch.setattr(runner, "_run_job", None)
    as_of_an_earlier_version(copied)
    table = pd.read_csv(copied / "predictions.csv", dtype=str)
    arm = table["run"].str.startswith("ethnicity.mono_asian")
    right = arm & (table["emotion"] == "negative")
    table.loc[right, ["p_negative", "p_positive", "p_surprise"]] = ["0.0", "0.0", "1.0"]
    table.to_csv(copied / "predictions.csv", index=False)
    jobs.run(config_for(finished, data__data_dir="gone"), copied, "report")
    changed, before = (
        json.loads((run / "metrics.json").read_text()) for run in (copied, finished / "run")
    )
    arm = "ethnicity.mono_asian-draw0-seed0"
    assert changed["runs"][arm]["recall"]["negative"] == 0
    assert {run for run in before["runs"] if before["runs"][run] != changed["runs"][run]} == {arm}
    assert changed["notes"] == before["notes"]
    assert "own-group advantage" in (copied / "report" / "index.html").read_text()
    # The answer is printed, too, after the scores.
    assert "own-group advantage" in capsys.readouterr().out.partition("report: ")[2]


def test_missing_rows_are_named(finished, copied):
    as_of_an_earlier_version(copied)
    lines = (copied / "predictions.csv").read_text().splitlines(keepends=True)
    (copied / "predictions.csv").write_text("".join(lines[:-1]))
    missing = r"1 of \d+ rows missing: run embed_swapped.loso-seed0, fold lab-W3, clip lab/W3/c2"
    with pytest.raises(UserError, match=missing):
        jobs.run(config_for(finished), copied, "report")


def test_an_interrupted_study_goes_on_where_it_was(finished, tmp_path, monkeypatch):
    """Cut off within the first job, then within the second: the same bytes in the end."""
    add, calls = FoldResults.add, []

    def cut_off(self, *arguments):
        add(self, *arguments)
        calls.append(arguments)
        if len(calls) in (2, 5):
            raise KeyboardInterrupt

    monkeypatch.setattr(FoldResults, "add", cut_off)
    config = config_for(finished, study__jobs=("arms", "pooled"))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            jobs.run(config, tmp_path / "run", "train")
        assert not (tmp_path / "run" / "predictions.csv").exists()
    jobs.run(config, tmp_path / "run", "train")
    trained = [name for names, *_ in calls for name in names]
    assert len(trained) == len(set(trained))
    for one in ("arms", "pooled"):
        resumed, whole = (
            (folder / "run" / "jobs" / one / "predictions.csv").read_bytes()
            for folder in (tmp_path, finished)
        )
        assert resumed == whole
    assert not (tmp_path / "run" / "report").exists()


@pytest.mark.slow
def test_a_killed_command_resumes_to_the_same_predictions(finished, tmp_path):
    # All by the command: it compiles with flags that this process does not have.
    def command(name):
        return [
            *(sys.executable, "-m", "ethnicmer_jax.main", "--config=configs/study.py:smoke"),
            *("--config.data.source=manifest", f"--config.data.raw={finished / 'manifest.csv'}"),
            *(f"--config.data.data_dir={finished / 'data'}", f"--workdir={tmp_path / name}"),
            *("--draws=3", "--config.study.jobs=('arms', 'pooled')", "--mode=train"),
        ]

    parts = tmp_path / "killed" / "jobs" / "arms" / "parts"
    with subprocess.Popen(command("killed"), cwd=ROOT) as started:
        while started.poll() is None and not list(parts.glob("*.npz")):
            time.sleep(0.02)
        started.kill()
    assert not (tmp_path / "killed" / "predictions.csv").exists()
    for name in ("killed", "whole"):
        subprocess.run(command(name), cwd=ROOT, check=True)
    resumed, whole = (
        (tmp_path / name / "predictions.csv").read_bytes() for name in ("killed", "whole")
    )
    assert resumed == whole


def test_a_finished_study_refuses_another_config(finished, copied):
    with pytest.raises(UserError, match=r"protocol\.draws: 1 -> 7"):
        jobs.run(config_for(finished, protocol__draws=7), copied)


def test_a_study_is_not_evaluated_again(finished, copied):
    with pytest.raises(UserError, match="a study keeps no checkpoints of its draws"):
        jobs.run(config_for(finished), copied, "evaluate")


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (
            {"study__jobs": ("arms", "embedding")},
            r"study\.jobs is .*'embedding'.*; it must be .* names out of arms, exact, pooled",
        ),
        ({"study__jobs": ("arms", "bias_swapped")}, "uses the models of bias; name it"),
        (
            {"study__jobs": ("arms", "pooled", "embed"), "classifier": "svm"},
            r"""job embed needs a network; .* set '--config.study.jobs=\("arms","pooled"\)'""",
        ),
        (
            {"study__jobs": ("embed",), "classifier": "svm"},
            r"""set '--config.study.jobs=\("arms","exact","pooled"\)'""",
        ),
        ({"study__jobs": ("arms,pooled",)}, r"""names out of .*, written '\("arms","exact"\)'"""),
        ({"protocol__subjects": 40}, "40 asian subjects are asked for"),
        ({"optim__epochs": 0}, "optim.epochs is 0"),
    ],
)
def test_a_wrong_study_leaves_no_directory(finished, tmp_path, overrides, reason):
    with pytest.raises(UserError, match=reason) as caught:
        jobs.run(config_for(finished, **overrides), tmp_path / "w")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "w").exists()
