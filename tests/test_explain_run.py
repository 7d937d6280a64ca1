"""The command from a work directory to its page, and what it refuses."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import worlds
from PIL import Image

from ethnicmer_jax.base import predictions
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.explain import regions, request, run
from ethnicmer_jax.explain.regions import Layout
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
    )
    job.run(config, folder / "work")
    return folder / "work"


@pytest.fixture(scope="module")
def explained_job(finished):
    """The same, explained from the command line with pupils where these crops have them."""
    ours = [sys.executable, "-m", "ethnicmer_jax", "explain", f"--workdir={finished}"]
    flags = ["--methods=gradcam,hirescam", "--label_folds=1", f"--eyes={EYES}"]
    done = subprocess.run([*ours, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return finished


def test_everything_is_there(explained_job):
    folder = explained_job / "explain"
    page = (folder / "index.html").read_text()
    for words in ("HiResCAM", "random weights", "shuffled labels", "wrong", "motion of the clip"):
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
    assert "0.450 of the crop" in page
    assert f"--eyes={EYES}" in page
    with np.load(folder / "maps.npz", allow_pickle=False) as kept:
        maps = kept["hirescam_final-emotion"]
    table = pd.read_csv(folder / "regions.csv")
    mine = table[(table.method == "hirescam") & (table["head"] == "final")]
    here, ours = (regions.masses(maps, layout) for layout in (Layout(0.45, 0.25), Layout()))
    np.testing.assert_allclose(mine[list(regions.REGIONS)], here, rtol=1e-6)
    assert np.abs(here - ours).max() > 0.01


def test_overlays_show_clip_and_maps_side_by_side(explained_job):
    path = next((explained_job / "explain" / "overlays").rglob("*.png"))
    assert Image.open(path).size == (112 * 5, 112)


def test_clips_are_explained_as_they_are_predicted(explained_job):
    maps = np.load(explained_job / "explain" / "maps.npz", allow_pickle=False)
    table = predictions.read(explained_job / "predictions.csv")
    place = {key: row for row, key in enumerate(table.key)}
    sure = np.abs(np.diff(np.sort(table.probabilities(), axis=1)[:, -2:], axis=1)[:, 0]) > 0.1
    said = np.array([table.predicted[place[key]] for key in maps["clip"]])
    certain = np.array([sure[place[key]] for key in maps["clip"]])
    # Predictions average the mirrored copy: only those near the border may differ.
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


def test_clips_and_groups_select(finished, tmp_path):
    config, where = request.trained_in(finished)
    engine, plan = job.engine(config, where)
    group = run.group_names(plan.grouping, engine.dataset.ethnicity)

    def chosen(**asked):
        tests = request.tests(Request(**asked), plan, engine.dataset, group)
        return sorted(engine.dataset.key[clip] for clips in tests.values() for clip in clips)

    assert chosen(clips=["casme2/*/c0"]) == ["casme2/s1/c0", "casme2/s2/c0"]
    assert chosen(groups=["asian"], clips=["*c1"]) == ["casme2/s1/c1", "samm/s1/c1"]
    assert len(chosen(max_clips=5)) == 5
    assert chosen(max_clips=5) == chosen(max_clips=5)
    assert request.two_groups(Request(groups=["non_asian"]), plan, group) == ("non_asian",)
    for asked, reason in (
        ({"clips": ["nobody*"]}, r"no clip is called nobody\* \(--clips\)"),
        ({"runs": ["seed9"]}, r"no run is called seed9 \(--runs\); one is loso-seed0"),
    ):
        with pytest.raises(UserError, match=reason):
            chosen(**asked)
    with pytest.raises(UserError, match="no group 'martian' in grouping strict"):
        request.two_groups(Request(groups=["martian"]), plan, group)


def test_other_crops_have_their_own_layout():
    layout = Request(eyes=["0.45", "0.25"]).layout
    assert (layout.distance, layout.height) == (0.45, 0.25)
    for wrong in (["0.45"], ["45", "25"], ["a", "b"]):
        with pytest.raises(UserError, match=r"such as 0\.45,0\.25"):
            _ = Request(eyes=wrong).layout


def test_methods_have_to_be_known():
    with pytest.raises(UserError, match="no method 'lime'"):
        Request(methods=["lime"])


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


def test_a_study_is_explained_by_its_pooled_job(finished, tmp_path):
    pooled = tmp_path / "jobs" / "pooled"
    pooled.mkdir(parents=True)
    (pooled / "config.json").write_text((finished / "config.json").read_text())
    (pooled / "checkpoints").mkdir()
    assert request.trained_in(tmp_path)[1] == pooled
