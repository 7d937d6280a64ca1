"""Two commands with one output at once: the second is told so; nothing is lost or mixed."""

import contextlib
import subprocess
import sys
import threading

import command_host
import pytest
from damaging import copy

from data_builders.ethnicity import tables
from data_builders.simulation.options import SimulatedOptions
from data_builders.sources.export import writing
from ethnicmer_jax import jobs
from ethnicmer_jax.base import lock
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.explain import run as explain
from ethnicmer_jax.explain.request import Request as Explained
from ethnicmer_jax.export import run as export
from ethnicmer_jax.export.request import Request as Exported
from ethnicmer_jax.jobs import comparison, ensemble
from ethnicmer_jax.predict import output as predict_output


def predicted(work, output):
    with predict_output.folder(work, output, False):
        pass


WRITERS = {
    "ensemble": lambda work, output: ensemble.write([work], output),
    "compare": lambda work, output: comparison.write([work, work / "predictions.csv"], output),
    "explain": lambda work, output: explain.run(work, Explained(), output),
    "export": lambda work, output: export.run(
        Exported(work, output, "safetensors", overwrite=False)
    ),
    "predict": predicted,
    "frames": lambda work, output: writing.write(SimulatedOptions(), output, "samm"),
}
"""Command -> writes into an output what it makes of a work directory."""


@contextlib.contextmanager
def another_has(held, place):
    """Within it another thread, which is as good as another process, holds a lock."""
    ready, over = threading.Event(), threading.Event()

    def hold():
        with held(place):
            ready.set()
            over.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert ready.wait(60)
    yield
    over.set()
    thread.join()


@pytest.mark.parametrize("name", WRITERS)
def test_the_second_is_told_who_is_there(trained_workdir, tmp_path, name):
    output = tmp_path / "output"
    held = lock.held if name == "ensemble" else lock.held_output
    with (
        another_has(held, output),
        pytest.raises(lock.InUseError, match=f"{output} is in use: process .* has worked there"),
    ):
        WRITERS[name](trained_workdir, output)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", WRITERS)
def test_what_another_one_has_just_made_is_kept(trained_workdir, tmp_path, name, monkeypatch):
    """It was not there when the command began; the lock is free again when it asks for it."""
    output = tmp_path / "output"
    theirs = output / "config.json"
    take = lock._Lock.take

    def taken(own):
        theirs.parent.mkdir(parents=True)
        theirs.write_text('{"name": "theirs"}')
        take(own)

    monkeypatch.setattr(lock._Lock, "take", taken)
    with pytest.raises(UserError, match=r"name a|is there|exists already"):
        WRITERS[name](trained_workdir, output)
    assert theirs.read_text() == '{"name": "theirs"}'
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["config.json", "output"]


def test_predictions_at_once_get_folders_of_their_own(tmp_path):
    with predict_output.folder(tmp_path, None, False) as first:
        (first.parent / "2").mkdir()
        numbers = []

        def other():
            with predict_output.folder(tmp_path, None, False) as place:
                numbers.append(place.name)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert (first.name, numbers) == ("1", ["3"])
    assert [path.name for path in (tmp_path / "predict").iterdir()] == ["2"]


def test_a_job_cannot_begin_where_a_mean_is_written(trained_workdir, tmp_path):
    work = copy(trained_workdir, tmp_path / "work")
    (work / "predictions.csv").unlink()
    with another_has(lock.held, work), pytest.raises(lock.InUseError):
        jobs.resume(work, "train")


@pytest.mark.slow
def test_reports_at_once_need_no_lock(trained_workdir, tmp_path):
    """Each file, and the folder of the page, appears as a whole, and the last one stays."""
    work, alone = (copy(trained_workdir, tmp_path / name) for name in ("work", "alone"))
    jobs.resume(alone, "report")
    command = [sys.executable, "-m", "ethnicmer_jax.main", f"--workdir={work}", "--mode=report"]
    started = [subprocess.Popen(command, cwd=command_host.ROOT) for _ in range(3)]
    assert [process.wait() for process in started] == [0, 0, 0]
    for place in ("report/tables", "report/figures", "report"):
        names = [{path.name for path in (of / place).iterdir()} for of in (alone, work)]
        assert names[0] == names[1]
    assert (work / "predictions.csv").read_bytes() == (
        trained_workdir / "predictions.csv"
    ).read_bytes()
    assert list(work.rglob("*.partial")) == []


def test_annotations_of_two_runs_are_not_mixed(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("database,subject,clip,ethnicity\nsamm,006,1,White\n")
    words = ("data_builders.annotate", "--annotator=metadata", f"--table={table}")
    with another_has(lock.held, tmp_path / "out"):
        done = command_host.run(*words, f"--out={tmp_path / 'out'}")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "out is in use: process " in done.stderr
    assert not (tmp_path / "out" / tables.SUBJECTS_FILE).exists()
