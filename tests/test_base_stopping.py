"""What SIGTERM does to a process: a real one each time."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
STOPPED = "stopped by SIGTERM; the same command resumes\n"
START = """
import pathlib, sys, time
from ethnicmer_jax.base import cli, stopping
from ethnicmer_jax.base.schema import UserError

stopping.PATIENCE = 0.8

def says(what):
    print(what, flush=True)

def main():
    {body}

cli.run(main)
"""


def process(body, before=None):
    code = START.format(body=body.replace("\n", "\n    "))
    started = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
    )
    assert started.stdout.readline() == "working\n"
    return started


def stopped(started):
    """Exit code, what was said on both streams, and how long it took to end."""
    began = time.monotonic()
    started.terminate()
    out, error = started.communicate(timeout=100)
    return started.returncode, out, error, time.monotonic() - began


def test_work_ends_at_once_and_cleans_up():
    code, out, error, seconds = stopped(
        process("try:\n    says('working'); time.sleep(60)\nfinally:\n    says('tidied')")
    )
    assert (code, out, error) == (143, "tidied\n", STOPPED)
    assert seconds < 0.8


def test_what_puts_it_off_is_waited_for():
    body = """
with stopping.postponed():
    says('working')
    while not stopping.asked():
        time.sleep(0.01)
    says('saved')
says('never')"""
    assert stopped(process(body))[:3] == (143, "saved\n", STOPPED)


@pytest.mark.parametrize(
    "busy",
    [
        # Nothing of Python runs meanwhile, as within a compiled program.
        "import hashlib; says('working'); hashlib.pbkdf2_hmac('sha256', b'', b'', 10**8)",
        pytest.param(
            "with stopping.postponed():\n    says('working'); time.sleep(60)",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "try:\n    says('working'); time.sleep(60)\nexcept BaseException:\n    time.sleep(60)",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["compiled", "put off", "swallowed"],
)
def test_whoever_does_not_come_to_an_end_is_ended(busy):
    code, _, error, seconds = stopped(process(busy))
    assert (code, error) == (143, STOPPED)
    assert seconds < 6


def test_what_fails_on_the_way_out_is_no_fault_of_its_own():
    body = """
try:
    says('working'); time.sleep(60)
except stopping.Stopped:
    raise UserError('workers died')"""
    assert stopped(process(body))[:3] == (143, "", STOPPED)


@pytest.mark.slow
def test_a_second_signal_disturbs_nothing():
    body = """
try:
    says('working'); time.sleep(60)
finally:
    says('tidying'); time.sleep(0.5); says('tidied')"""
    started = process(body)
    started.terminate()
    assert started.stdout.readline() == "tidying\n"
    assert stopped(started)[:3] == (143, "tidied\n", STOPPED)


def test_faults_and_warnings_that_come_of_the_end_are_not_told():
    body = """
import threading, warnings
def fails():
    fault = threading.Thread(target=lambda: 1 / 0); fault.start(); fault.join()
fails()
try:
    says('working'); time.sleep(60)
finally:
    fails(); warnings.warn('2 tasks have been cancelled')"""
    started = process(body)
    started.terminate()
    code, output, error = stopped(started)[:3]
    assert (code, output) == (143, "")
    assert error.count("ZeroDivisionError") == 1
    assert error.endswith(STOPPED)


def test_the_deaf_stay_deaf():
    def deaf():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    started = process("says('working'); time.sleep(1)", deaf)
    assert stopped(started)[:3] == (0, "", "")


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)]
)
def test_workers_go_with_their_parent(number):
    body = """
import joblib, os
own = {'initializer': stopping.follow, 'initargs': (os.getpid(),)}
pids = joblib.Parallel(2, **own)([joblib.delayed(os.getpid)()] * 8)
results = joblib.Parallel(2, return_as='generator', **own)([joblib.delayed(time.sleep)(60)] * 2)
says('working'); print(*set(pids), flush=True)
next(results)"""
    started = process(body)
    workers = [int(pid) for pid in started.stdout.readline().split()]
    if number == signal.SIGTERM:
        # As schedulers have it: every process of the job is told, in any order.
        for pid in workers:
            os.kill(pid, number)
    os.kill(started.pid, number)
    _, error = started.communicate(timeout=100)
    if number == signal.SIGTERM:
        assert (started.returncode, error) == (143, STOPPED)
    deadline = time.monotonic() + 60
    while any(map(runs, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def runs(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
