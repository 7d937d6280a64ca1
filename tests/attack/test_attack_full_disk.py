"""No room, no right to write, a file in place of a folder: one line, nothing half-written, and on.

A small file system of its own is needed for most of it, and root to mount one; what is portable
(limits on the size of files, names that are too long) runs everywhere.
"""

import contextlib
import errno
import os
import pathlib
import resource
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import small_disk
import worlds
from small_disk import leftovers

from ethnicmer_jax import jobs
from ethnicmer_jax.base import files, places
from ethnicmer_jax.jobs import preparation
from ethnicmer_jax.training.scalars import ScalarLog

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEOPLE = (("lab", "s1", "Asian"), ("lab", "s2", "Unknown"), ("lab", "s3", "White"))
ROOM = "make room there, then start the same command again"

KINDS = (
    (errno.ENOSPC, ROOM),
    (errno.EDQUOT, "your quota is used up"),
    (errno.EFBIG, "ulimit -f"),
    (errno.EROFS, "name a place that can be written to"),
    (errno.EACCES, "ask for the right to use it"),
    (errno.ENAMETOOLONG, "255 bytes"),
    (errno.ENOTDIR, "a file is where a folder has to be"),
    (errno.EISDIR, "a folder is where a file has to be"),
)


@pytest.mark.parametrize(("number", "cure"), KINDS)
def test_every_kind_of_error_is_one_line_with_path_cause_and_cure(number, cure):
    said = places.line(OSError(number, os.strerror(number), "/there/it"))
    assert said.startswith(f"cannot use /there/it: {os.strerror(number)}; ")
    assert cure in said
    assert "\n" not in said


def test_the_words_of_a_library_are_understood_and_its_cause_is_looked_for():
    text = (
        'RESOURCE_EXHAUSTED: Error opening "zarr" driver: Failed to write local file "/w/1/d" '
        "[OS error 28: ENOSPC No space left on device]\n[source locations='file.cc']"
    )
    said = places.line(ValueError(text))
    assert said == f"cannot use /w/1/d: No space left on device; {ROOM}"
    outer = RuntimeError("while building")
    outer.__cause__ = OSError(errno.EROFS, "Read-only file system", "/data")
    assert "cannot use /data" in places.line(outer)


@pytest.mark.parametrize("error", [ValueError("no such class"), KeyError("a"), OSError("odd")])
def test_other_faults_keep_their_tracebacks(error):
    assert places.line(error) is None


@contextlib.contextmanager
def small_files(size):
    """No file of this process may be longer than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def page(path):
    with files.atomic_directory(path) as folder:
        files.write_text(folder / "index.html", "x" * 9000)


def curves(path):
    log = ScalarLog(path, {})
    for epoch in range(200):
        log.write("flight", "run", epoch + 1, {"loss": 1.0, "train_accuracy": 0.5})


WRITERS = {
    "text": lambda path: files.write_text(path, "x" * 9000),
    "json": lambda path: files.write_json(path, ["x"] * 9000),
    "table": lambda path: files.write_table(path, pd.DataFrame({"x": range(9000)})),
    "arrays": lambda path: files.write_arrays(path, x=np.arange(9000)),
    "directory": page,
    "curves": curves,
}


@pytest.mark.parametrize("name", WRITERS)
def test_no_writer_leaves_half_a_file(tmp_path, name):
    path = tmp_path / "made"
    with small_files(4096), pytest.raises(OSError) as caught:  # noqa: PT011
        WRITERS[name](path)
    said = places.line(caught.value)
    assert said.startswith(f"cannot use {path}")
    assert "File too large" in said
    if name != "curves":
        assert list(tmp_path.iterdir()) == []
    WRITERS[name](path)
    assert path.exists()


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_in_place_of_a_folder_is_named(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError) as caught:  # noqa: PT011
        WRITERS[name](tmp_path / "file" / "made")
    assert f"cannot use {tmp_path / 'file'}" in places.line(caught.value)
    assert (tmp_path / "file").read_text() == "mine"


def test_no_room_is_seen_before_a_checkpoint_is_begun(tmp_path):
    places.check_room(tmp_path, 1)
    with pytest.raises(OSError) as caught:  # noqa: PT011
        places.check_room(tmp_path, 1 << 60)
    assert f"cannot use {tmp_path}: No space left on device (" in places.line(caught.value)


COMMANDS = {
    "main": ["ethnicmer_jax.main", "--config=configs/smoke.py", "--workdir=/tmp/{long}"],
    "build": ["data_builders.build", "--source=simulated", "--data_dir=/tmp/{long}"],
    "compare": ["ethnicmer_jax", "compare", "/tmp/{long}", "/tmp/b"],
    "sweep": ["ethnicmer_jax", "sweep", "--summary_only", "--workdir=/tmp/{long}"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_name_that_is_too_long_is_one_line(name):
    arguments = [part.format(long="x" * 300) for part in COMMANDS[name]]
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr


@pytest.fixture
def small(tmp_path):
    """See `small_disk.mounted`."""
    with small_disk.mounted(tmp_path / "small") as sized:
        yield sized


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A folder with a manifest, its database and a finished job `whole`."""
    folder = tmp_path_factory.mktemp("room")
    worlds.write_manifest(folder, PEOPLE)
    jobs.run(config(folder), folder / "whole", "train")
    return folder


def config(raw, data=None, **overrides):
    where = {"data__raw": str(raw / "manifest.csv"), "data__data_dir": str(data or raw / "data")}
    settings = {"data__source": "manifest", "engine__devices": 1, "optim__epochs": 1, **where}
    return worlds.config(**settings, checkpoint__keep="final", **overrides)


@pytest.mark.slow
@pytest.mark.parametrize("kib", [4, 8, 12, 16, 24, 32, 48, 64, 128, 256, 280, 300, 400, 600])
def test_a_job_without_room_says_so_and_ends_in_the_same_bytes_once_there_is_some(raw, small, kib):
    work = small(kib) / "work"
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever a library raises
        jobs.run(config(raw), work)
    said = places.line(caught.value)
    assert said, caught.value
    assert said.startswith(f"cannot use {work}")
    assert said.endswith(ROOM)
    assert leftovers(work) == []
    small(50_000)
    jobs.run(config(raw), work)
    for name in ("predictions.csv", "metrics.json"):
        there = [(folder / name).read_text() for folder in (work, raw / "whole")]
        assert name != "predictions.csv" or there[0] == there[1]
    assert (work / "report" / "index.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("kib", [4, 8, 16, 32, 64, 80, 100])
def test_a_database_without_room_is_built_once_there_is_some(raw, small, kib):
    data = small(kib) / "data"
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever a library raises
        preparation.built(config(raw, data))
    said = places.line(caught.value)
    assert said, caught.value
    assert said.endswith(ROOM)
    small(50_000)
    built = preparation.built(config(raw, data))
    assert built.parent.name == preparation.built(config(raw)).parent.name
    assert leftovers(data) == []


@pytest.mark.slow
def test_a_place_that_is_read_only(raw, small):
    place = small(50_000)
    jobs.run(config(raw), place / "work")
    small(50_000, "ro")
    for run in (
        lambda: jobs.run(config(raw), place / "work", "report"),
        lambda: jobs.run(config(raw), place / "new"),
        lambda: preparation.built(config(raw, place / "data")),
    ):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever a library raises
            run()
        said = places.line(caught.value) or str(caught.value)
        assert "Read-only file system" in said
        assert "\n" not in said
    small(50_000, "rw")
    jobs.run(config(raw), place / "work", "report")
