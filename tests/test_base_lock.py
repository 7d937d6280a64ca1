"""One process at a time in a work directory: real processes, and locks as others leave them."""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

import pytest

from ethnicmer_jax.base import lock
from ethnicmer_jax.base.owner import Owner

ROOT = pathlib.Path(__file__).resolve().parents[1]
HOLDER = """
import pathlib, sys, time
from ethnicmer_jax.base import lock, stopping
from ethnicmer_jax.base.schema import UserError

stopping.listen()
lock.BEAT = 0.05
try:
    with stopping.leaving(), lock.held(pathlib.Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.readline()
except UserError as error:
    print(error)
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(lock, "STALE", 0.5)
    monkeypatch.setattr(lock, "_LOOK", 0.02)


@pytest.fixture
def work(tmp_path):
    return tmp_path / "runs" / "work"


def holder(work):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(work)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline()


def left(work, **changes):
    """The lock of this process, changed; not beating."""
    work.mkdir(parents=True, exist_ok=True)
    about = {
        "token": "other",
        **dataclasses.asdict(Owner.this()),
        "since": time.time() - 200,
        "directory": work.stat().st_ino,
        "command": "python -m ethnicmer_jax.main",
    }
    path = work / lock.FILE_NAME
    path.write_text(json.dumps(about | changes))
    return path


def test_a_second_process_is_told_who_is_there_until_the_first_one_ends(work):
    first, said = holder(work)
    assert said == "held\n"
    with pytest.raises(lock.InUseError) as refused, lock.held(work):
        pass
    line = (
        rf"{work} is in use: process {first.pid} of \w+ on \S+ has worked there for \d+ s; "
        "wait until it ends, or name another directory"
    )
    assert re.fullmatch(line, str(refused.value))
    # A process that was killed and that nobody has waited for is none.
    first.kill()
    time.sleep(0.1)
    with lock.held(work):
        assert json.loads((work / lock.FILE_NAME).read_text())["process"] == os.getpid()
    first.wait()
    assert list(work.iterdir()) == []


def test_a_thread_may_lock_twice_another_one_may_not(work):
    refused = []

    def other():
        try:
            with lock.held(work):
                pass
        except lock.InUseError as error:
            refused.append(error)

    with lock.held(work):
        with lock.held(work / ".." / "work"):
            pass
        assert (work / lock.FILE_NAME).is_file()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert not (work / lock.FILE_NAME).exists()


def test_nothing_is_left_of_a_directory_that_was_made_in_vain(tmp_path, work):
    with pytest.raises(ZeroDivisionError), lock.held(work):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    work.mkdir(parents=True)
    with lock.held(work):
        pass
    assert work.is_dir()


@pytest.mark.parametrize(
    "changes",
    [
        {"started": "17"},  # another process has got its number
        {"process": 2**22 + 1},
        {"directory": 1},  # a copy of the directory
        {"machine": "elsewhere"},  # without a sign of life
        {"process": None},
    ],
    ids=str,
)
def test_a_lock_whose_process_has_ended_is_taken_over(work, changes):
    left(work, **changes)
    with lock.held(work):
        assert json.loads((work / lock.FILE_NAME).read_text())["token"] != "other"
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[1]", '"a"', '{"process": "x"}'])
def test_a_damaged_lock_is_one_that_nobody_touches(work, content):
    left(work).write_text(content)
    with lock.held(work):
        pass


def test_a_process_on_another_machine_counts_as_long_as_it_touches_the_lock(work):
    path = left(work, machine="elsewhere", host="node7", user="ada")
    over = threading.Event()

    def beat():
        while not over.wait(0.1):
            path.touch()

    thread = threading.Thread(target=beat)
    thread.start()
    line = "of ada on node7 has worked there for 3 min 20 s "
    with pytest.raises(lock.InUseError, match=line), lock.held(work):
        pass
    over.set()
    thread.join()


def test_one_of_many_takes_over(work):
    left(work, started="17")
    locks = [lock._Lock(work / lock.FILE_NAME, work) for _ in range(8)]
    taken, refused = [], []

    def take(one):
        try:
            one.take()
            taken.append(one)
        except lock.InUseError:
            refused.append(one)

    threads = [threading.Thread(target=take, args=(one,)) for one in locks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(refused)) == (1, 7)
    taken[0].release()
    assert list(work.iterdir()) == []


def test_a_directory_that_others_make_and_remove_is_no_fault(work):
    """Each removes what it has made for its lock alone, also where another is about to lock it."""
    faults = []

    def again_and_again():
        for _ in range(40):
            try:
                with lock.held(work):
                    pass
            except lock.InUseError:
                pass
            except OSError as error:
                faults.append(error)

    threads = [threading.Thread(target=again_and_again) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_an_output_has_its_lock_beside_it(tmp_path):
    output = tmp_path / "new" / "page"
    with lock.held_output(output), lock.held_output(output):
        assert [path.name for path in output.parent.iterdir()] == [".page.lock"]
        with lock.held(output.parent):  # another lock than that of the folder
            output.mkdir()
    assert [path.name for path in output.parent.iterdir()] == ["page"]


def test_whoever_loses_its_lock_ends(work):
    """As after a long sleep, in which another machine has taken over."""
    process, _ = holder(work)
    left(work, host="node7", machine="elsewhere")
    assert process.wait(20) == 2
    error = process.stderr.read()
    assert error.startswith(f"error: {work} is in use: process ")
    assert error.endswith("; this process ends\n")
    assert error.count("\n") == 1
    assert json.loads((work / lock.FILE_NAME).read_text())["host"] == "node7"


def test_a_cleaned_up_lock_comes_back(work):
    process, _ = holder(work)
    shutil.rmtree(work)
    work.mkdir()
    deadline = time.monotonic() + 20
    while not (work / lock.FILE_NAME).exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.communicate("\n", timeout=20)
    assert process.returncode == 0
