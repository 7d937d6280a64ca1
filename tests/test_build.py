import concurrent.futures
import dataclasses
import os
import signal
import subprocess
import sys
import time

import command_host
import cv2
import numpy as np
import pytest
from made_up_manifest import (
    OPTIONS,
    contents,
    databases,
    make_raw,
    read_manifest,
    write_manifest,
)

from data_builders.database import ensure as database
from data_builders.database import pipeline
from data_builders.database.pipeline import BuildOptions
from data_builders.pixels import faces
from data_builders.sources import manifest
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data import dataset


def ensure(raw, data_dir, **changes):
    options = {**OPTIONS.__dict__, **changes}
    return database.ensure("manifest", str(raw), data_dir, BuildOptions(**options))


def test_what_is_built_is_what_the_pipeline_computes(tmp_path):
    raw = make_raw(tmp_path / "raw")
    loaded = dataset.load(ensure(raw, tmp_path / "data"))
    tasks = manifest.list_clips(raw).tasks
    direct = dataset.from_records([pipeline.make_record(task, OPTIONS) for task in tasks])
    for name, expected in direct.__dict__.items():
        np.testing.assert_equal(getattr(loaded, name), expected)
    assert loaded.key.tolist() == [f"lab/s{i}/c{i + j}" for i in range(3) for j in (0, 3)]


def test_an_unchanged_database_is_reused(tmp_path):
    raw = make_raw(tmp_path / "raw")
    first = ensure(raw, tmp_path / "data")
    before = (first / "dataset_info.json").stat().st_mtime_ns
    assert ensure(raw, tmp_path / "data", workers=2) == first
    assert (first / "dataset_info.json").stat().st_mtime_ns == before


def test_other_labels_or_options_make_another_database_beside_it(tmp_path):
    raw = make_raw(tmp_path / "raw")
    rows = read_manifest(raw)
    built = {ensure(raw, tmp_path / "data"), ensure(raw, tmp_path / "data", flow_size=4)}
    rows[0]["ethnicity"] = "Indian"
    rows[3]["ethnicity"] = "Indian"
    write_manifest(raw, rows)
    built.add(ensure(raw, tmp_path / "data"))
    np.save(raw.parent / "1.npy", np.ones((8, 8, 3)))
    built.add(ensure(raw, tmp_path / "data"))
    assert len(built) == 4
    assert all(len(dataset.load(directory)) == 6 for directory in built)


def test_equal_clips_give_equal_bytes_wherever_they_lie(tmp_path):
    one = ensure(make_raw(tmp_path / "raw"), tmp_path / "data")
    other = ensure(make_raw(tmp_path / "else" / "where"), tmp_path / "other", workers=2)
    assert one.parent.name == other.parent.name
    assert contents(one) == contents(other)
    assert not any(str(tmp_path).encode() in data for data in contents(one).values())


FAULTS = {
    "NaN flow": lambda folder: np.save(folder / "1.npy", np.full((8, 8, 3), np.nan)),
    "wrong shape": lambda folder: np.save(folder / "1.npy", np.zeros((8, 8))),
    "empty flow": lambda folder: (folder / "1.npy").write_bytes(b""),
    "no flow": lambda folder: (folder / "1.npy").unlink(),
}


@pytest.mark.parametrize("spoil", FAULTS.values(), ids=FAULTS)
def test_one_faulty_flow_is_one_line_and_no_database(tmp_path, spoil):
    raw = make_raw(tmp_path / "raw")
    spoil(raw.parent)
    with pytest.raises(UserError, match=r"1\.npy.*nothing was built") as caught:
        ensure(raw, tmp_path / "data")
    assert "\n" not in str(caught.value)
    assert databases(tmp_path / "data") == {}


def test_many_faults_are_listed_together_and_cut_short(tmp_path):
    raw = make_raw(tmp_path / "raw")
    rows = [{**read_manifest(raw)[1], "clip": str(i), "emotion": "smug"} for i in range(30)]
    write_manifest(raw, rows)
    with pytest.raises(UserError) as caught:
        ensure(raw, tmp_path / "data")
    lines = str(caught.value).splitlines()
    assert lines[0] == "30 problems, nothing was built:"
    assert lines[-1].strip() == "... and 10 more"
    assert len(lines) == 22


def test_faulty_frames_are_left_out_and_told(tmp_path, capsys):
    raw = make_raw(tmp_path / "raw")
    (raw.parent / "2a.png").write_bytes(b"no image")
    built = ensure(raw, tmp_path / "data")
    assert len(dataset.load(built)) == 5
    assert "lab/s2/c2: 2a.png is not a JPEG" in capsys.readouterr().err.replace(
        f"{raw.parent}/", ""
    )
    assert "lab/s2/c2: 2a.png is not a JPEG" in (built / "CARD.md").read_text()


def test_strict_turns_a_report_into_failure_also_for_a_database_built_before(tmp_path):
    raw = make_raw(tmp_path / "raw")
    (raw.parent / "2a.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"lab/s2/c2.*nothing was built"):
        ensure(raw, tmp_path / "data", strict=True)
    assert databases(tmp_path / "data") == {}
    ensure(raw, tmp_path / "data")
    with pytest.raises(UserError, match=r"lab/s2/c2.*was built in spite"):
        ensure(raw, tmp_path / "data", strict=True)


def test_a_crop_that_deserves_a_look_is_kept_and_told_and_refused_by_strict(tmp_path, monkeypatch):
    raw = make_raw(tmp_path / "raw", n=2)
    crop = faces.crop_pair
    monkeypatch.setattr(
        faces, "crop_pair", lambda *a: dataclasses.replace(crop(*a), notes=("2 faces",))
    )
    built = ensure(raw, tmp_path / "data")
    assert len(dataset.load(built)) == 2
    assert "lab/s0/c0: 2 faces" in (built / "CARD.md").read_text()
    for data_dir in (tmp_path / "data", tmp_path / "fresh"):
        with pytest.raises(UserError, match="lab/s0/c0: 2 faces"):
            ensure(raw, data_dir, strict=True)


def test_a_data_directory_that_cannot_be_is_a_user_error(tmp_path):
    raw = make_raw(tmp_path / "raw", n=2)
    with pytest.raises(UserError, match=r"cannot build into .*choose another --data_dir"):
        ensure(raw, raw)


def test_no_usable_clip_is_an_error(tmp_path):
    raw = make_raw(tmp_path / "raw", n=1)
    (raw.parent / "0a.png").write_bytes(b"no image")
    with pytest.raises(UserError, match="no clip can be used"):
        ensure(raw, tmp_path / "data")
    assert databases(tmp_path / "data") == {}


def test_clips_of_the_same_pixels_are_named_on_the_card(tmp_path):
    raw = make_raw(tmp_path / "raw")
    (raw.parent / "3.npy").write_bytes((raw.parent / "1.npy").read_bytes())
    built = ensure(raw, tmp_path / "data")
    assert "same pixels: lab/s0/c3, lab/s1/c1" in (built / "CARD.md").read_text()


def test_sources_that_cannot_be_are_user_errors(tmp_path):
    with pytest.raises(UserError, match="unknown source 'nobodys': use simulated, manifest"):
        database.ensure("nobodys", "", tmp_path, OPTIONS)
    with pytest.raises(UserError, match="needs --raw"):
        database.ensure("manifest", "", tmp_path, OPTIONS)


def test_what_a_killed_build_left_is_cleared_away(tmp_path):
    raw = make_raw(tmp_path / "raw")
    name = ensure(raw, tmp_path / "other").parent.name
    left = tmp_path / "data" / "ethnic_me" / f".{name}.incomplete" / "ethnic_me" / name
    left.mkdir(parents=True)
    (left / "dataset_info.json").write_text("{")
    built = ensure(raw, tmp_path / "data")
    assert databases(tmp_path / "data") == databases(tmp_path / "other")
    assert len(dataset.load(built)) == 6


def small(raw, data_dir, workers=1):
    return [
        *(sys.executable, "-m", "data_builders.build"),
        *("--source=manifest", f"--raw={raw}", f"--data_dir={data_dir}"),
        *("--flow=tvl1", "--flow_size=8", "--image_size=16", "--crop_size=96"),
        *("--detector=none", f"--workers={workers}"),
    ]


def gone(group, seconds):
    """Whether every process of a group ends within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A manifest of 30 clips and the data directory of a build that nobody killed."""
    folder = tmp_path_factory.mktemp("whole")
    raw = make_raw(folder / "raw", n=30)
    subprocess.run(small(raw, folder / "data"), check=True, capture_output=True)
    return raw, folder / "data"


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_killed_build_resumes_to_the_same_bytes_and_leaves_no_process(tmp_path, whole, workers):
    raw, uninterrupted = whole
    killed = subprocess.Popen(small(raw, tmp_path / "data", workers), start_new_session=True)
    while len(list((tmp_path / "data").rglob("*.npz"))) < 18:
        assert killed.poll() is None, "the build ended before it could be killed"
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert gone(killed.pid, seconds=60)
    assert databases(tmp_path / "data") == {}
    cached = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*.npz")}
    subprocess.run(small(raw, tmp_path / "data", workers), check=True, capture_output=True)
    assert databases(tmp_path / "data") == databases(uninterrupted)
    assert {path: path.stat().st_mtime_ns for path in cached} == cached


def test_two_builds_at_once_make_one_database(tmp_path):
    raw = make_raw(tmp_path / "raw")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        run = lambda _: subprocess.run(  # noqa: E731
            small(raw, tmp_path / "data"), check=True, capture_output=True, text=True
        )
        first, second = pool.map(run, range(2))
    assert first.stdout == second.stdout
    assert len(dataset.load(first.stdout.strip())) == 6


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--source=manifest"], "needs --raw"),
        (["--source=manifest", "--raw=/no/such.csv"], "there is no manifest /no/such.csv"),
        (["--simulated=effect=7"], "it must be a number from 0 to 1"),
        (["--simulated=effect"], "must be name=value"),
        (["--export=casme2"], "give --raw, a new folder"),
        (["--export=casme2", "--raw=x", "--source=samm"], "give --raw, a new folder"),
        (["clips.csv"], "what is 'clips.csv'?"),
        (["--workers=0"], "workers"),
    ],
)
def test_the_command_says_what_is_wrong_in_one_line(arguments, expected):
    done = command_host.run("data_builders.build", *arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_command_checks_without_building(tmp_path):
    raw = make_raw(tmp_path / "raw")
    where = ["--source=manifest", f"--raw={raw}", f"--data_dir={tmp_path / 'data'}", "--check"]
    done = command_host.run("data_builders.build", *where)
    assert done.returncode == 0
    assert "6 clips of 3 subjects" in done.stdout
    assert not (tmp_path / "data").exists()


def test_the_real_manifest_builds(real_manifest, tmp_path):
    built = database.ensure("manifest", str(real_manifest), tmp_path / "data")
    data = dataset.load(built)
    assert len(data) == 278
    assert len(set(data.person)) == 52
    assert set(data.flow_unit) == {"normalised"}
    first = cv2.imread(str(real_manifest.parent / "casme2__sub01__EP02_01f.png"))[..., ::-1]
    assert data.key[0] == "casme2/sub01/EP02_01f"
    np.testing.assert_array_equal(data.flow[0], first.astype(np.float32) / 255)
