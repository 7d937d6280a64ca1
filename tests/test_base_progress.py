"""A log of a batch job says what is done, how far it is and how long it takes still."""

import io
import os
import pty
import subprocess
import sys
import termios
import time

import pytest

from ethnicmer_jax.base import progress
from ethnicmer_jax.base.progress import Progress


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def lines_of(title, total, unit, clock):
    """Plain progress under a fake clock, and the lines that it has printed so far."""
    stream = io.StringIO()
    shown = progress._Lines(title, total, unit, stream, clock)
    return shown, lambda: stream.getvalue().splitlines()


def test_the_first_line_comes_after_ten_seconds_then_one_a_minute_then_the_last(clock):
    shown, printed = lines_of("training", 240, "fold", clock)
    counts = []
    for _ in range(240):
        clock.now += 1
        shown.update(1)
        counts.append(len(printed()))
    shown.close()
    assert [counts.index(number) + 1 for number in (1, 2, 3, 4)] == [10, 70, 130, 190]
    assert printed() == [
        "training: 10 of 240 folds (4%), 10 s, about 3 min 50 s left",
        "training: 70 of 240 folds (29%), 1 min 10 s, about 2 min 50 s left",
        "training: 130 of 240 folds (54%), 2 min 10 s, about 1 min 50 s left",
        "training: 190 of 240 folds (79%), 3 min 10 s, about 50 s left",
        "training: 240 of 240 folds (100%), 4 min 0 s",
    ]


def test_short_work_says_nothing(clock):
    shown, printed = lines_of("clips", 3, "clip", clock)
    for _ in range(3):
        clock.now += 3
        shown.update(1)
    shown.close()
    assert printed() == []


def test_a_step_that_takes_long_is_reported_while_it_lasts(clock):
    shown, printed = lines_of("calibration", 4, "database", clock)
    clock.now += 600
    shown.show()
    assert printed() == ["calibration: 0 of 4 databases (0%), 10 min 0 s, time left unknown"]


def test_what_an_earlier_run_has_done_tells_nothing_of_the_pace(clock):
    shown, printed = lines_of("training", 100, "fold", clock)
    shown.skip(80)
    clock.now += 30
    shown.update(10)
    assert printed() == ["training: 90 of 100 folds (90%), 30 s, about 30 s left"]


def test_work_of_unknown_length_is_counted(clock):
    shown, printed = lines_of("reading", None, "clip", clock)
    clock.now += 20
    shown.update(1)
    assert printed() == ["reading: 1 clip, 20 s"]


def test_numbers_stand_beside_the_progress(clock):
    shown, printed = lines_of("training", 2, "fold", clock)
    shown.values = {"loss": "0.520"}
    clock.now += 20
    shown.update(1)
    assert printed() == ["training: 1 of 2 folds (50%), 20 s, about 20 s left; loss 0.520"]


def test_a_hundred_percent_is_said_only_of_all(clock):
    shown, printed = lines_of("clips", 1000, "clip", clock)
    clock.now += 20
    shown.update(999)
    assert "(99%)" in printed()[0]


def test_work_that_is_given_up_ends_with_what_was_done(clock):
    shown, printed = lines_of("clips", 10, "clip", clock)
    clock.now += 5
    shown.update(2)
    clock.now += 6
    shown.close()
    shown.close()
    assert printed() == ["clips: 2 of 10 clips (20%), 11 s, about 44 s left"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.6, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (7500, "2 h 5 min"),
        (273600, "3 d 4 h"),
    ],
)
def test_durations_read_as_people_say_them(seconds, text):
    assert progress.duration(seconds) == text


def test_iterating_counts_every_item_and_passes_it_on(monkeypatch):
    monkeypatch.setattr(progress, "FIRST_LINE", 0.0)
    stream = io.StringIO()
    assert list(Progress("clips", ["a", "b", "c"], unit="clip", stream=stream)) == ["a", "b", "c"]
    assert stream.getvalue().splitlines()[-1].startswith("clips: 3 of 3 clips (100%)")


def test_lines_come_while_the_work_is_busy(monkeypatch):
    monkeypatch.setattr(progress, "FIRST_LINE", 0.02)
    monkeypatch.setattr(progress, "_HEARTBEAT", 0.01)
    stream = io.StringIO()
    with Progress("clips", total=2, unit="clip", stream=stream):
        deadline = time.monotonic() + 10
        while not stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert stream.getvalue().startswith("clips: 0 of 2 clips (0%)")


def test_hidden_progress_shows_nothing(monkeypatch):
    monkeypatch.setattr(progress, "FIRST_LINE", 0.0)
    stream = io.StringIO()
    with Progress("clips", total=2, hidden=True, stream=stream) as shown:
        shown.update()
        shown.skip(1)
        shown.set_postfix(loss=1)
    assert stream.getvalue() == ""


def test_on_a_terminal_it_is_a_bar():
    code = (
        "from ethnicmer_jax.base.progress import Progress, say\n"
        "with Progress('clips', total=4, unit='clip') as shown:\n"
        "    shown.skip(1)\n"
        "    shown.set_postfix(loss=1)\n"
        "    shown.update(3)\n"
        "    say('a line')\n"
    )
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    subprocess.run([sys.executable, "-c", code], stderr=theirs, check=True)
    shown = os.read(ours, 4096).decode()
    os.close(theirs)
    os.close(ours)
    assert "a line" in shown
    assert "clips: 100%" in shown
    assert "4/4" in shown
