"""Exported folders: the sources for licensed databases read them back as the truth says."""

from __future__ import annotations

import subprocess
import sys

import cv2
import drawn_truth
import numpy as np
import pandas as pd
import pytest

from data_builders.database.ensure import ensure
from data_builders.database.pipeline import BuildOptions
from data_builders.pixels import faces, flow
from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from data_builders.sources import registry, simulated
from data_builders.sources.export import writing
from ethnicmer_jax.base.schema import EMOTIONS, ETHNICITIES, UserError, clip_key
from ethnicmer_jax.data import dataset

OPTIONS = SimulatedOptions(
    cohorts=parse_cohorts("simcasme2:Asian:2,simsamm:Asian:1:grey,simsamm:White:1:grey"),
    clips_per_subject=2,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "raw"
    writing.write(OPTIONS, folder, "casme2+samm")
    return folder


@pytest.fixture(scope="module")
def built(root, tmp_path_factory):
    options = BuildOptions(flow_method="dis", workers=1)
    return dataset.load(ensure("casme2+samm", str(root), tmp_path_factory.mktemp("data"), options))


@pytest.fixture(scope="module")
def truth(root):
    return pd.read_csv(root / "truth.csv", dtype=str)


def test_the_merged_source_reads_labels_frames_and_groups_as_drawn(root, truth):
    listing = registry.list_clips(registry.Request("casme2+samm", str(root)))
    assert not listing.problems
    drawn = {task.key: task for task in simulated.list_clips(OPTIONS).tasks}
    key_of = {
        clip_key(row.database, row.subject, row.clip): row.drawn for row in truth.itertuples()
    }
    assert {task.key for task in listing.tasks} == set(key_of)
    assert set(key_of.values()) == set(drawn)
    for task in listing.tasks:
        original = drawn[key_of[task.key]]
        for name in ("emotion", "ethnicity", "action_units", "onset", "apex", "offset", "fps"):
            assert getattr(task.labels, name) == getattr(original.labels, name), name
        assert task.labels.raw_emotion.lower() == original.labels.raw_emotion


def test_the_licensed_path_builds_what_was_drawn(built, truth):
    truth = truth.set_index(["database", "subject", "clip"])
    assert len(built) == len(truth)
    for index in range(len(built)):
        name = (built.database[index], built.subject[index], built.clip[index])
        row = truth.loc[name]
        assert EMOTIONS[built.emotion[index]] == row["emotion"]
        assert ETHNICITIES[built.ethnicity[index]] == row["ethnicity"]
        assert list(map(str, built.frames[index])) == list(row[["onset", "apex", "offset"]])
        assert "+".join(map(str, built.action_units[index])) == row["action_units"]
        assert float(built.extra[index]["face_score"]) >= 0.99


def test_the_flow_after_jpeg_detection_and_cropping_is_the_drawn_motion(root, truth):
    specs = {task.key: task.motion.spec for task in simulated.list_clips(OPTIONS).tasks}
    drawn = truth.set_index(["database", "subject", "clip"])["drawn"]
    for task in registry.list_clips(registry.Request("casme2+samm", str(root))).tasks:
        spec = specs[drawn.loc[(task.labels.database, task.labels.subject, task.labels.clip)]]
        pair = faces.crop_pair(*task.motion.read(), faces.FaceOptions())
        found = flow.compute(pair.onset, pair.apex, "tvl1")
        size = found.shape[:2]
        # Displacements are vectors: the crop's linear part turns and scales them.
        true = cv2.transform(drawn_truth.true_motion(spec), pair.transform[:, :2])
        true = cv2.warpAffine(true, pair.transform, size)
        region = drawn_truth.moving_region(spec).astype(np.uint8)
        region = cv2.warpAffine(region, pair.transform, size, flags=cv2.INTER_NEAREST) > 0
        assert np.corrcoef(found[region].ravel(), true[region].ravel())[0, 1] >= 0.8


def test_frames_survive_the_jpeg(root, truth):
    listing = registry.list_clips(registry.Request("casme2+samm", str(root)))
    drawn = {task.key: task for task in simulated.list_clips(OPTIONS).tasks}
    for task in (listing.tasks[0], listing.tasks[-1]):
        named = (truth[["database", "subject", "clip"]] == task.key.split("/")).all(axis=1)
        original = drawn[truth.loc[named, "drawn"].item()]
        for read, was in zip(task.motion.read(), original.motion.read(), strict=True):
            assert read.shape == was.shape
            assert np.abs(read.astype(int) - was.astype(int)).mean() < 3.0


def test_layouts_are_those_of_the_databases(root):
    assert (root / "casme2/Cropped/sub201/EP01_01f").is_dir()
    colour = next((root / "casme2/Cropped/sub201/EP01_01f").glob("reg_img*.jpg"))
    grey = next((root / "samm/SAMM_CROP/001/001_1_1").glob("001_[0-9][0-9][0-9][0-9][0-9].jpg"))
    assert cv2.imread(str(colour), cv2.IMREAD_UNCHANGED).shape == (400, 400, 3)
    assert cv2.imread(str(grey), cv2.IMREAD_UNCHANGED).shape == (400, 400)


@pytest.mark.parametrize(
    ("written", "official"),
    [
        ("casme2/CASME2-coding.xlsx", "CASME2MetaEmotionConcised.xlsx"),
        ("samm/SAMM_Micro_FACS_Codes.xlsx", "SAMMMetaEmotionConcised.xlsx"),
    ],
)
def test_sheets_have_the_columns_of_the_real_ones(root, annotations, written, official):
    ours, real = (
        pd.read_excel(path, dtype=object) for path in (root / written, annotations / official)
    )
    assert list(ours.columns) == list(real.columns)
    assert type(ours["Subject"][0]) is type(real["Subject"][0])


def test_all_frames_can_be_written(tmp_path):
    options = SimulatedOptions(
        cohorts=parse_cohorts("sim:White:1"), clips_per_subject=1, clips_spread=0
    )
    writing.write(options, tmp_path / "raw", "casme2", every=1)
    row = pd.read_csv(tmp_path / "raw/truth.csv").iloc[0]
    frames = list((tmp_path / "raw/Cropped" / row["subject"] / row["clip"]).iterdir())
    assert len(frames) == row["offset"] - row["onset"] + 1


@pytest.mark.parametrize(
    ("cohorts", "layout", "message"),
    [
        ("a:White:1", "nobodys", "unknown export layout"),
        ("a:White:1", "samm+samm", "unknown export layout"),
        ("a:White:100", "casme2", "99 subjects"),
    ],
)
def test_what_fits_no_layout_is_refused_and_leaves_nothing(tmp_path, cohorts, layout, message):
    options = SimulatedOptions(cohorts=parse_cohorts(cohorts), clips_per_subject=1)
    with pytest.raises(UserError, match=message):
        writing.write(options, tmp_path / "raw", layout)
    assert not list(tmp_path.iterdir())


def test_people_are_those_of_the_simulated_database_called_after_the_layout():
    cohorts = parse_cohorts("simsamm:White:2:grey,lab:Asian:3,lab:Black:1")
    options = SimulatedOptions(cohorts=cohorts, clips_per_subject=1)
    own = writing.people_of(options, writing.LAYOUTS["samm"])
    assert own.cohorts == parse_cohorts("simsamm:White:2:grey")
    others = writing.people_of(options, writing.LAYOUTS["casme2"])
    assert others.cohorts == parse_cohorts("simcasme2:White:2,simcasme2:Asian:3,simcasme2:Black:1")


def test_an_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "raw").mkdir()
    with pytest.raises(UserError, match="exists already"):
        writing.write(OPTIONS, tmp_path / "raw", "samm")
    with pytest.raises(UserError, match="at least 1"):
        writing.write(OPTIONS, tmp_path / "other", "samm", every=0)
    assert not list((tmp_path / "raw").iterdir())


def test_an_interrupted_export_leaves_nothing(tmp_path, monkeypatch):
    def full_disk(*_: object) -> bool:
        raise OSError("no space left on device")

    monkeypatch.setattr(cv2, "imwrite", full_disk)
    with pytest.raises(OSError, match="no space"):
        writing.write(OPTIONS, tmp_path / "raw", "casme2")
    assert not list(tmp_path.iterdir())


def test_the_command_line_exports(tmp_path, capfd):
    command = [sys.executable, "-m", "data_builders.build", "--export=casme2"]
    small = ["--simulated=cohorts=sim:White:1", "--simulated=clips_per_subject=1"]
    subprocess.run([*command, *small, f"--raw={tmp_path}/raw"], check=True)
    assert capfd.readouterr().out.strip() == f"{tmp_path}/raw"
    assert (tmp_path / "raw/CASME2-coding.xlsx").is_file()
    refused = subprocess.run([*command, "--source=manifest"], capture_output=True, text=True)
    assert refused.returncode == 2
    assert refused.stderr.strip().count("\n") == 0
