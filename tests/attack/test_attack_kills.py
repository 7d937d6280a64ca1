"""`kill -9` at chosen and at random moments: the same predictions in the end, nothing left over.

The chosen moments are the renames by which files appear, just before and just after each: all
that a killed process can leave behind differs between them.
"""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest
import worlds

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIVES, KILLS = 4, 5

LAUNCH = """
import os, runpy, signal, sys
moment, count = int(sys.argv.pop(1)), 0

def counted(function):
    def renamed(*arguments, **options):
        global count
        count += 1
        if count == -moment:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **options)
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return renamed

os.rename, os.replace = counted(os.rename), counted(os.replace)
runpy.run_module("ethnicmer_jax.main", run_name="__main__", alter_sys=True)
"""


def start(folder, name, moment=0):
    """The real command, killed at a rename: after the one of that number, or before -moment."""
    arguments = [
        *("--config=configs/smoke.py", f"--workdir={folder / name}", "--config.optim.epochs=3"),
        *("--config.data.source=manifest", f"--config.data.raw={folder / 'manifest.csv'}"),
        *(f"--config.data.data_dir={folder / f'data-{name}'}", "--config.checkpoint.keep=every"),
        *("--config.engine.devices=1", "--config.engine.folds_in_flight=2"),
    ]
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(moment), *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    _, said = process.communicate(timeout=600)
    assert "Traceback" not in said, said
    return process.returncode


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A folder with a manifest and the work directory `whole`; how long that took."""
    folder = tmp_path_factory.mktemp("killed")
    worlds.write_manifest(folder)
    began = time.monotonic()
    assert ended(start(folder, "whole")) == 0
    return folder, time.monotonic() - began


def assert_same(folder, name):
    """The work directory has the results of `whole`, its provenance, and no leftovers."""
    run, whole = folder / name, folder / "whole"
    assert (run / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()
    found, wanted = (json.loads((place / "metrics.json").read_text()) for place in (run, whole))
    assert found["runs"] == wanted["runs"]
    assert found["notes"] == wanted["notes"]
    assert found["environment"]["versions"] == wanted["environment"]["versions"]
    assert found["environment"]["date"]
    left = [path.name for path in run.rglob("*") if path.name.endswith((".partial", ".damaged"))]
    assert left == []
    assert not (run / "parts").exists()


@pytest.mark.parametrize("life", range(LIVES))
def test_a_job_killed_at_its_renames(undisturbed, life):
    folder, _ = undisturbed
    rng, name = random.Random(life), f"chosen{life}"
    for kill in range(KILLS):
        # Later and later in the life of a job: renames before that are not repeated.
        moment = rng.randrange(1, 20 + 10 * kill) * rng.choice((-1, 1))
        assert ended(start(folder, name, moment)) in (-signal.SIGKILL, 0)
    assert ended(start(folder, name)) == 0
    assert_same(folder, name)


@pytest.mark.parametrize("life", range(LIVES))
def test_a_job_killed_at_random(undisturbed, life):
    folder, seconds = undisturbed
    rng, name = random.Random(life), f"random{life}"
    for _ in range(KILLS):
        process = start(folder, name)
        try:
            process.wait(timeout=rng.uniform(0.3, 1.0) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        assert ended(process) in (-signal.SIGKILL, 0)
    assert ended(start(folder, name)) == 0
    assert_same(folder, name)
