"""Several processes share the folds of one job; nothing else may come of it."""

import pathlib
import socket
import subprocess
import sys

import pytest
import worlds

ROOT = pathlib.Path(__file__).resolve().parents[1]
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


@pytest.mark.slow
def test_two_processes_predict_what_one_does(tmp_path):
    worlds.write_manifest(tmp_path)
    alone = start(tmp_path, "alone", 0, "one")
    assert alone.wait(120) == 0, alone.stdout.read()
    port = free_port()
    both = [start(tmp_path, port, index, "two") for index in (0, 1)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(said)
    one, two = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("one", "two"))
    assert one == two
    folders = (tmp_path / "two" / "checkpoints" / "loso-seed0").iterdir()
    assert len(list(folders)) == len(worlds.PEOPLE)
    final = tmp_path / "two" / "checkpoints" / "final.everybody-seed0"
    assert [path.name for path in final.iterdir()] == ["everybody"]
    # Only the first process reports.
    assert ["report:" in text for text in said] == [True, False]
    assert (tmp_path / "two" / "report" / "index.html").is_file()


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
    assert alone.wait(300) == 0, alone.stdout.read()
    port = free_port()
    both = [start(tmp_path, port, index, "two", EXACT) for index in (0, 1)]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(said)
    for name in ("relabellings.csv", "relabellings.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
