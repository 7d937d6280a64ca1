"""SIGTERM at several moments of a command's life: one line and 143; in the end the same files."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINE = "stopped by SIGTERM; the same command resumes"
COMMANDS = {
    "build": (
        ("data_builders.build", "--data_dir={place}", "--workers=2", "--flow=dis",
         "--simulated=cohorts=simcasme2:Asian:6,simsamm:White:6:grey"),
        "ethnic_me/*/*/dataset_info.json",
    ),
    "plan": (
        ("ethnicmer_jax", "plan", "--workdir={place}", "--databases=4", "--effects=1", "--clips=4"),
        "databases.csv",
    ),
    "sweep": (
        ("ethnicmer_jax", "sweep", "--config=configs/ablation.py:fusions", "--workdir={place}",
         "--config.data.data_dir={place}/data", "--config.data.flow_method=dis",
         "--config.data.simulated.cohorts=simcasme2:Asian:4,simsamm:White:4:grey",
         "--config.data.detector=none", "--config.optim.epochs=1", "--config.protocol.seeds=1",
         "--shard=1/7"),
        "points/*/predictions.csv",
    ),
}  # fmt: skip


def start(name, place):
    words = [word.format(place=place) for word in COMMANDS[name][0]]
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def to_the_end(name, place):
    process = start(name, place)
    error = process.communicate(timeout=900)[1]
    assert process.returncode == 0, error
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in sorted(place.glob(COMMANDS[name][1]))
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_stopped_again_and_again_ends_as_one_that_was_not(name, tmp_path):
    began = time.monotonic()
    whole = to_the_end(name, tmp_path / "whole")
    seconds = time.monotonic() - began
    codes = []
    for share in (0.3, 0.5, 0.7, 0.9):
        process = start(name, tmp_path / "cut")
        time.sleep(share * seconds)
        began = time.monotonic()
        process.terminate()
        error = process.communicate(timeout=100)[1]
        # Of a machine with more to do than it can, time says nothing.
        assert time.monotonic() - began < 10 or os.getloadavg()[0] > 2 * os.cpu_count()
        codes.append(process.returncode)
        if process.returncode == 143:
            assert error.splitlines()[-1] == LINE
    # It may have come to its end before, or no further than its imports.
    assert 143 in codes
    assert set(codes) <= {143, 0, -signal.SIGTERM}
    assert to_the_end(name, tmp_path / "cut") == whole != {}
