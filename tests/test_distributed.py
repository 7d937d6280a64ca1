"""Several processes share the folds of one job; nothing else may come of it."""

import os
import pathlib
import socket
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import worlds

ROOT = pathlib.Path(__file__).resolve().parents[1]
LONG = 900
"""Seconds to wait for a process before it counts as hanging, on a machine that is busy, too."""
CODE = """
import pathlib, sys
import jax

port, index, workdir, data_dir, manifest = sys.argv[1:]
if port != "alone":
    jax.distributed.initialize(f"localhost:{port}", num_processes=2, process_id=int(index))
from configs import smoke
from ethnicmer_jax.jobs import job

config = smoke.get_config()
config.data.source, config.data.raw, config.data.data_dir = "manifest", manifest, data_dir
config.engine.devices = 1
job.run(config, pathlib.Path(workdir), "all", first=jax.process_index() == 0)
"""


def start(tmp_path, port, index, workdir, code=CODE):
    arguments = [port, index, tmp_path / workdir, tmp_path / "data", tmp_path / "manifest.csv"]
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port():
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return one.getsockname()[1]


QUICK = (
    # Most of the time goes into compiling.
    "--xla_force_host_platform_device_count=1 --xla_backend_optimization_level=0 "
    "--xla_llvm_disable_expensive_passes=true"
)


class Command:
    """The real command, alone or as one of two processes that SLURM has started."""

    def __init__(self, tmp_path, name, config="smoke"):
        self.workdir = tmp_path / name
        self.arguments = [
            *(sys.executable, "-m", "ethnicmer_jax.main", f"--config=configs/{config}.py"),
            *(f"--workdir={self.workdir}", f"--config.data.data_dir={tmp_path / 'data'}"),
            *("--config.data.source=manifest", f"--config.data.raw={tmp_path / 'manifest.csv'}"),
            *("--config.optim.epochs=4", "--config.engine.devices=1"),
            "--config.engine.folds_in_flight=2",
        ]

    def start(self, *arguments, **environment):
        return subprocess.Popen(
            [*self.arguments, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "XLA_FLAGS": QUICK, **environment},
        )

    def both(self):
        about = {
            "SLURM_JOB_ID": "7",
            "SLURM_STEP_NODELIST": "localhost",
            "SLURM_STEP_NUM_NODES": "1",
            "SLURM_NTASKS": "2",
            "JAX_COORDINATOR_PORT": str(free_port()),
        }
        return [
            self.start("--distributed", **about, SLURM_PROCID=index, SLURM_LOCALID=index)
            for index in "01"
        ]

    def trained(self, flights, processes):
        """Waits until so many flights of folds are finished, by any process."""
        deadline = time.monotonic() + LONG
        while len(list((self.workdir / "parts").glob("*.npz"))) < flights:
            assert time.monotonic() < deadline
            for process in processes:
                assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)


@pytest.mark.slow
def test_two_processes_predict_what_one_does_though_one_dies(tmp_path):
    worlds.write_manifest(tmp_path)
    alone, job = Command(tmp_path, "one"), Command(tmp_path, "two")
    first, second = job.both()
    job.trained(1, [first, second])
    second.kill()
    began = time.monotonic()
    _, error = first.communicate(timeout=LONG)
    # Of a machine with more to do than it can, time says nothing.
    assert time.monotonic() - began < 60 or os.getloadavg()[0] > 2 * os.cpu_count()
    assert first.returncode == 2, error
    line = error.splitlines()[-1]
    assert line.startswith(f"error: the process with index 1 of this job (process {second.pid} of ")
    assert line.endswith(" has given no sign of life for 40 s; the same command resumes")
    both = job.both()
    # A second job in the same place is told so, and leaves the first one alone. It begins early: on
    # a busy machine it takes as long to be there as the first one takes to end.
    deadline = time.monotonic() + LONG
    while not (job.workdir / ".lock").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for process in job.both():
        assert process.wait(LONG) == 2
        assert " is in use: process " in process.stderr.read().splitlines()[-1]
    said = [process.communicate(timeout=LONG) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert alone.start().wait(LONG) == 0
    one, two = ((command.workdir / "predictions.csv").read_bytes() for command in (alone, job))
    assert one == two
    folders = (job.workdir / "checkpoints" / "loso-seed0").iterdir()
    assert len(list(folders)) == len(worlds.PEOPLE)
    final = job.workdir / "checkpoints" / "final.everybody-seed0"
    assert [path.name for path in final.iterdir()] == ["everybody"]
    # Only the first process reports, and nothing of the processes is left.
    assert ["report:" in out for out, _ in said] == [True, False]
    assert not (job.workdir / ".lock").exists()


@pytest.mark.slow
def test_processes_that_are_stopped_say_so_and_resume(tmp_path):
    worlds.write_manifest(tmp_path)
    job = Command(tmp_path, "two")
    both = job.both()
    job.trained(1, both)
    for process in both:
        process.terminate()
    for process in both:
        _, error = process.communicate(timeout=LONG)
        assert process.returncode == 143
        assert error.splitlines()[-1] == "stopped by SIGTERM; the same command resumes"
    both = job.both()
    assert [process.wait(LONG) for process in both] == [0, 0]


@pytest.mark.slow
def test_a_fold_that_diverges_in_one_process_is_named_by_both(tmp_path):
    manifest = worlds.write_manifest(tmp_path)
    table = pd.read_csv(manifest)
    table["part"] = table["subject"].map({"s1": "a", "s2": "b", "s3": ""})
    table.to_csv(manifest, index=False)
    ill = tmp_path / table["flow"][table["part"] == "a"].iloc[0]
    flow = np.load(ill)
    # Moved by 1e30 px: fold b, of the second process, learns from it, and fold a tests it.
    np.save(ill, flow * np.float32(1e30))
    job = Command(tmp_path, "two")
    job.arguments += [
        *("--config.protocol.name=split", "--config.protocol.split_column=part"),
        *("--config.protocol.final=False", "--config.data.flow_scaling=none"),
    ]
    for _ in range(2):  # and again at a restart, which does not train what was fine
        both = job.both()
        for process in both:
            _, error = process.communicate(timeout=LONG)
            assert process.returncode == 3, error
            assert " 1 of 2 folds diverged: split-seed0/b (" in error.splitlines()[-1]
        assert len(list((job.workdir / "parts").glob("*.npz"))) == 1
        assert (job.workdir / "diverged.json").is_file()
        assert (job.workdir / "report" / "index.html").is_file()
        assert not (job.workdir / "predictions.csv").exists()
    curves = (job.workdir / "scalars.jsonl").read_text()
    assert curves.count('"split-seed0/a"') == 4


@pytest.mark.slow
def test_two_processes_give_the_bytes_of_one_study(tmp_path):
    people = [("lab", f"{group[0]}{n}", group) for group in ("Asian", "White") for n in range(4)]
    worlds.write_manifest(tmp_path, people)
    alone, shared = (Command(tmp_path, name, "study") for name in ("one", "two"))
    for command in (alone, shared):
        command.arguments += [
            *("--draws=2", "--config.optim.epochs=1"),
            "--config.protocol.contrasts=('ethnicity', 'placebo')",
            "--config.study.jobs=('arms', 'exact', 'pooled', 'embed', 'embed_swapped')",
            *("--config.study.pooled_seeds=2", "--config.study.label_seeds=1"),
            *("--config.study.relabellings=39", "--config.study.exact_draws=1"),
        ]
    both = shared.both()
    said = [process.communicate(timeout=1200) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    one = alone.start()
    assert one.wait(1200) == 0, one.stderr.read()

    def results_of(command):
        tables = (path for path in command.workdir.rglob("*.csv") if path.is_file())
        return {path.relative_to(command.workdir): path.read_bytes() for path in tables}

    assert results_of(alone) == results_of(shared)
    assert {"predictions.csv", "relabellings.csv"} <= {path.name for path in results_of(alone)}
    assert ["report:" in out for out, _ in said] == [True, False]


EXACT = CODE.replace("jobs import job", "jobs.study import exact").replace(
    'job.run(config, pathlib.Path(workdir), "all", first=jax.process_index() == 0)',
    """config.optim.epochs, config.protocol.final = 1, False
config.protocol.name, config.protocol.subjects, config.checkpoint.keep = "study", 0, "none"
config.study.relabellings, config.study.exact_draws, config.study.exact_folds = 39, 1, 2
exact.run(config, pathlib.Path(workdir), first=jax.process_index() == 0)""",
)


@pytest.mark.slow
def test_two_processes_share_the_rounds_of_an_exact_test(tmp_path):
    people = [("lab", f"a{n}", "Asian") for n in range(4)]
    people += [("lab", f"w{n}", "White") for n in range(5)]
    worlds.write_manifest(tmp_path, people)
    alone = start(tmp_path, "alone", 0, "one", EXACT)
    assert alone.wait(LONG) == 0, alone.stdout.read()
    port = free_port()
    both = [start(tmp_path, port, index, "two", EXACT) for index in (0, 1)]
    said = [process.communicate(timeout=LONG)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(said)
    for name in ("relabellings.csv", "relabellings.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
