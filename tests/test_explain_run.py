"""The command from a work directory to its page, and what it refuses."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import study_world
import worlds
from PIL import Image

from ethnicmer_jax.base import files, predictions
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.explain import regions, request, run
from ethnicmer_jax.explain.request import Request
from ethnicmer_jax.jobs import job
from ethnicmer_jax.report import explained

EYES = "0.45,0.25"
PEOPLE = (
    ("casme2", "s1", "Asian"),
    ("casme2", "s2", "White"),
    ("samm", "s1", "Asian"),
    ("samm", "s2", "White"),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished job of a network with an ethnic head."""
    folder = tmp_path_factory.mktemp("explain")
    config = worlds.config(
        data__source="manifest",
        data__raw=str(worlds.write_manifest(folder, PEOPLE)),
        data__data_dir=str(folder / "data"),
        checkpoint__keep="final",
        model__fusion="mtl",
        engine__devices=1,
        protocol__final=True,
    )
    job.run(config, folder / "work")
    return folder / "work"


@pytest.fixture(scope="module")
def explained_job(finished):
    """The same, explained with pupils where these crops have them."""
    asked = Request(methods=("gradcam", "hirescam"), label_folds=0, eyes=EYES.split(","))
    run.run(finished, asked)
    return finished


def test_everything_is_there(explained_job):
    folder = explained_job / "explain"
    page = (folder / "index.html").read_text()
    for words in (
        "t-SNE",
        "features of 4 networks",
        "in the features of one final model",
        "HiResCAM",
        "random weights",
        "wrong",
        "motion of the clip",
    ):
        assert words in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    maps = np.load(folder / "maps.npz", allow_pickle=False)
    assert maps["hirescam_ethnic-emotion"].shape == (12, 28, 28)
    assert len(list((folder / "overlays").rglob("*.png"))) == 12
    regions = pd.read_csv(folder / "regions.csv")
    assert len(regions) == 12 * (2 * 2 + 1)
    tests = pd.read_csv(folder / "tests.csv")
    assert set(tests.emotion) == {"all", "negative", "positive", "surprise"}
    assert list(tests["head"].unique()) == ["final", "ethnic", "none"]
    assert (tests[tests.method == "motion"].persons_a == 2).all()


def test_eyes_decide_where_the_regions_lie(explained_job):
    folder = explained_job / "explain"
    page = (folder / "index.html").read_text()
    assert ".450 of the crop" in page
    assert f"--eyes={EYES}" in page
    with np.load(folder / "maps.npz", allow_pickle=False) as kept:
        maps = kept["hirescam_final-emotion"]
    table = pd.read_csv(folder / "regions.csv")
    mine = table[(table.method == "hirescam") & (table["head"] == "final")]
    here, ours = (
        regions.masses(maps, crop) for crop in (CropGeometry(0.45, 0.25), CropGeometry.of_margin())
    )
    np.testing.assert_allclose(mine[list(regions.REGIONS)], here, rtol=1e-6)
    assert np.abs(here - ours).max() > 0.01


def test_overlays_show_clip_and_maps_side_by_side(explained_job):
    path = next((explained_job / "explain" / "overlays").rglob("*.png"))
    assert Image.open(path).size == (112 * 5, 112)


def test_clips_are_explained_as_they_are_predicted(explained_job):
    maps = np.load(explained_job / "explain" / "maps.npz", allow_pickle=False)
    table = predictions.read(explained_job / "predictions.csv")
    place = {key: row for row, key in enumerate(table.key)}
    # Another compiled program rounds otherwise.
    sure = np.abs(np.diff(np.sort(table.probabilities(), axis=1)[:, -2:], axis=1)[:, 0]) > 1e-5
    said = np.array([table.predicted[place[key]] for key in maps["clip"]])
    certain = np.array([sure[place[key]] for key in maps["clip"]])
    assert (said == maps["predicted_final"])[certain].all()


def test_the_report_of_the_job_says_so(explained_job):
    report = (explained_job / "report" / "index.html").read_text()
    assert "Where the networks look" in report
    (section,) = explained.sections(explained_job)
    summary = json.loads((explained_job / "explain" / explained.SUMMARY).read_text())
    assert section.blocks[0].paragraphs == summary["conclusion"]
    link = section.blocks[1]
    assert f'<a href="{link.href}">' in report
    assert (explained_job / "report" / link.href).resolve().is_file()


def test_without_explanations_there_is_no_section(tmp_path):
    assert explained.sections(tmp_path) == []


def test_what_cannot_be_explained_is_refused_in_one_line(finished, tmp_path):
    with pytest.raises(UserError, match="holds no job"):
        request.trained_in(tmp_path)
    config = json.loads((finished / "config.json").read_text())
    config["checkpoint"]["keep"] = "none"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"no checkpoints .* --config.checkpoint.keep=final"):
        request.trained_in(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"classifier": "svm"}))
    with pytest.raises(UserError, match="classifier svm keeps no checkpoints"):
        request.trained_in(tmp_path)


def copied(job_directory, target):
    shutil.copytree(job_directory, target, ignore=shutil.ignore_patterns("explain*", "report"))
    return target


@pytest.fixture
def answers(finished, tmp_path, monkeypatch):
    """Asks a copy of the job; every answer is made of the name of its folder only."""
    directory = copied(finished, tmp_path / "job")

    def explain(directory, config, where, asked, target, record):
        with files.atomic_directory(target) as folder:
            (folder / explained.SUMMARY).write_text(f"{len(calls)}")
            files.write_json(folder / run.RECORD, record)
        calls.append(target.name)

    calls = []
    monkeypatch.setattr(run, "_explain", explain)

    def ask(output=None, overwrite=False, **asked):
        run.run(directory, Request(**asked), output, overwrite)
        return calls

    return ask, directory


def contents(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


OTHERS = [
    {"max_clips": 3},
    {"methods": ["gradcam"]},
    {"eyes": ["0.4", "0.2"]},
    {"label_folds": 0},
    {"seed": 1},
    {"explained": "true"},
    {"layer": "stage1"},
]


@pytest.mark.parametrize("other", OTHERS)
def test_no_finished_answer_is_lost_to_another_request(answers, other):
    ask, directory = answers
    ask()
    before = contents(directory)
    with pytest.raises(UserError, match=rf"other {next(iter(other))}\); name another .*--output"):
        ask(**other)
    assert contents(directory) == before
    ask(**other, overwrite=True)
    assert contents(directory) != before


@pytest.mark.parametrize(
    "part",
    [{"clips": ["casme2/s1/c0"]}, {"groups": ["asian"]}, {"runs": ["*"]}, {"heads": ["final"]}],
)
def test_a_selection_leaves_the_whole_as_it_is(answers, part):
    ask, directory = answers
    ask()
    before = contents(directory / "explain")
    assert len(set(ask(**part))) == 2
    assert contents(directory / "explain") == before


def test_the_same_request_is_answered_once_and_anew_where_asked(answers, tmp_path):
    ask, _ = answers
    ask(clips=["*c0"], methods=["gradcam"])
    assert len(ask(clips=("*c0",), methods=("gradcam",))) == 1
    assert len(ask(clips=["*c0"], methods=["gradcam"], overwrite=True)) == 2
    assert ask(output=tmp_path / "elsewhere")[2:] == ["elsewhere"]
    assert len(ask(output=tmp_path / "elsewhere")) == 3


def test_a_job_trained_anew_is_another_request(answers):
    ask, directory = answers
    ask()
    (directory / ".sums").unlink(missing_ok=True)  # as of an earlier version: the change is meant
    with (directory / "predictions.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(UserError, match="other predictions"):
        ask()


@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_but_explanations_is_ever_replaced(answers, tmp_path, overwrite):
    ask, directory = answers
    notes = tmp_path / "thesis" / "chapter.txt"
    notes.parent.mkdir()
    notes.write_text("years of work")
    for output in (notes.parent, notes, directory):
        with pytest.raises(UserError, match="holds no explanations"):
            ask(output=output, overwrite=overwrite)
    assert notes.read_text() == "years of work"
    assert ask() == ["explain"]


def test_a_job_that_is_not_finished_is_refused(finished, tmp_path):
    directory = copied(finished, tmp_path / "job")
    (directory / "predictions.csv").unlink()
    with pytest.raises(UserError, match=r"no predictions\.csv; finish the job first"):
        run.run(directory, Request())


def test_a_study_is_explained_by_its_pooled_job_and_its_report_says_so(finished, tmp_path):
    study = study_world.write(tmp_path / "study", study_world.table({}, draws=2))
    copied(finished, study / "jobs" / "pooled")
    (study / "report").mkdir()
    before = contents(study / "jobs")
    page = run.run(study, Request(methods=["gradcam"], label_folds=0, max_clips=6))
    assert page == study / "explain" / "index.html"
    assert "--workdir=" in page.read_text()
    assert contents(study / "jobs") == before
    with np.load(study / "explain" / "maps.npz", allow_pickle=False) as maps:
        assert len(maps["clip"]) == 6
    report = (study / "report" / "index.html").read_text()
    assert "Where the networks look" in report
    assert "../explain/index.html" in report


@pytest.mark.slow
def test_a_study_from_the_command_line(tmp_path):
    ours, study = [sys.executable, "-m"], tmp_path / "study"
    for command in (
        ["ethnicmer_jax.main", "--config=configs/study.py:smoke",
         f"--config.data.data_dir={tmp_path / 'data'}"],
        ["ethnicmer_jax", "explain", "--methods=hirescam", "--label_folds=1"],
    ):  # fmt: skip
        done = subprocess.run(
            [*ours, *command, f"--workdir={study}"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "shuffled labels" in (study / "explain" / "index.html").read_text()
    assert "../explain/index.html" in (study / "report" / "index.html").read_text()
