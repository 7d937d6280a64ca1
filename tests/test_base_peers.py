"""The processes of one job know of each other: real ones, without JAX."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
CODE = """
import pathlib, sys, time
from ethnicmer_jax.base import peers, stopping, waiting
from ethnicmer_jax.base.divergence import DivergedError, Divergence

directory, run, index, count, lost = sys.argv[1:]
peers.BEAT, peers.LOST, waiting._INTERVAL = 0.1, float(lost), 0.05
stopping.listen()
with stopping.leaving():
    with peers.present(pathlib.Path(directory), peers.Place(int(index), int(count), run)):
        print("there", flush=True)
        said = sys.stdin.readline().strip()
        if said == "diverged":
            raise DivergedError([Divergence("loso", "a", ("lab/a",), 1, 9.0, "too large")], 2)
        if said:
            raise ValueError(said)
"""


@pytest.fixture
def start(tmp_path):
    started = []

    def run(name, index, count=3, lost=20.0):
        arguments = [str(tmp_path), name, str(index), str(count), str(lost)]
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def together(start, count=3, **options):
    processes = [start("now", index, count, **options) for index in range(count)]
    for process in processes:
        assert process.stdout.readline() == "there\n"
    return processes


def last_words(process, send=None):
    if send:
        process.stdin.write(send)
        process.stdin.flush()
    # Its input stays open: at an end of it, it would finish.
    return process.wait(60), process.stderr.read()


def test_a_process_that_dies_is_named_by_all_others(start):
    first, second, third = together(start, lost=2.0)
    second.kill()
    quiet = (
        rf"the process with index 1 of this job \(process {second.pid} of \w+ on \S+\) has given "
        "no sign of life for 2 s; the same command resumes\n"
    )
    code, said = last_words(first)
    assert code == 2
    assert re.fullmatch(f"error: {quiet}", said)
    code, said = last_words(third)
    assert code == 2
    assert re.fullmatch(rf"error: the first process of this job \(.*\) has ended: {quiet}", said)


def test_what_ends_one_process_is_said_by_the_others(start):
    first, second = together(start, 2)
    assert last_words(second, "disk is full\n")[0] == 1
    code, said = last_words(first)
    assert code == 2
    assert said.startswith("error: the process with index 1 of this job (")
    assert said.endswith(") has ended: disk is full\n")


def test_folds_that_diverged_are_named_by_all_and_the_first_process_is_not_disturbed(start):
    first, second, third = together(start, lost=3.0)
    # It has read what the first one has just written, and ends before it.
    assert last_words(third, "diverged\n")[0] == 1
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(1)
    assert last_words(first, "diverged\n")[0] == 1
    code, said = last_words(second)
    assert code == 3
    assert "has ended: 1 of 2 folds diverged: loso/a (subject lab/a, epoch 1, loss 9" in said


@pytest.mark.slow
def test_a_process_that_was_stopped_stops_the_others(start):
    first, second = together(start, 2)
    first.terminate()
    assert last_words(first) == (143, "stopped by SIGTERM; the same command resumes\n")
    assert last_words(second)[0] == 143


def test_those_who_finish_are_not_missed(start, tmp_path):
    folder = tmp_path / ".processes"
    folder.mkdir()
    (folder / "then-1.json").write_text("{}")
    first, second, third = together(start, lost=2.0)
    assert last_words(second, "\n") == (0, "")
    assert json.loads((folder / "now-1.json").read_text())["state"] == "finished"
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(3)
    assert last_words(third, "\n") == last_words(first, "\n") == (0, "")
    assert sorted(path.name[:5] for path in folder.iterdir()) == ["now-0", "now-1", "now-2"]


def test_a_second_job_touches_nothing_and_says_why(start):
    together(start, 2)
    for process in [start("then", index, 2) for index in (0, 1)]:
        code, said = last_words(process)
        assert code in (1, 2)  # of an error that no command has met
        assert " is in use: process " in said.splitlines()[-1]
        assert process.stdout.read() == ""


@pytest.mark.slow
def test_a_process_that_never_comes_is_missed(start):
    first = start("now", 0, 2, lost=1.0)
    code, said = last_words(first)
    assert code == 2
    assert said.startswith("error: the process with index 1 of this job has given no sign of life")
