import json
import subprocess
import sys
import types

import jax
import pytest

import ethnicmer_jax
from ethnicmer_jax.base import environment


def started_as(monkeypatch, argv, **main):
    """Pretends that this process was started as `main` says, with these arguments."""
    monkeypatch.setattr("sys.argv", argv)
    monkeypatch.setitem(sys.modules, "__main__", types.SimpleNamespace(**main))


def test_the_description_is_plain_data_with_versions_and_devices(monkeypatch):
    spec = types.SimpleNamespace(name="ethnicmer_jax.main")
    started_as(monkeypatch, ["main.py", "--config=a b.py"], __spec__=spec)
    made = environment.describe(["cpu", "cpu"])
    assert json.loads(json.dumps(made)) == made
    assert made["command"] == "python -m ethnicmer_jax.main '--config=a b.py'"
    assert made["devices"] == "2 × cpu"
    assert made["versions"]["jax"] == jax.__version__


def test_a_command_of_the_package_is_named_with_its_flags(monkeypatch):
    spec = types.SimpleNamespace(name="ethnicmer_jax.__main__")
    started_as(monkeypatch, ["ethnicmer_jax sweep", "--shard=1/2"], __spec__=spec)
    assert environment.command() == "python -m ethnicmer_jax sweep --shard=1/2"


def test_the_console_script_is_told_as_the_module_that_it_starts(monkeypatch):
    main = {"__spec__": None, "__file__": "/usr/bin/ethnicmer"}
    started_as(monkeypatch, ["ethnicmer_jax select", "--workdir=D"], **main)
    assert environment.command() == "python -m ethnicmer_jax select --workdir=D"


@pytest.mark.parametrize(
    "main",
    [
        {"__spec__": None},
        {"__spec__": types.SimpleNamespace(name="ipykernel_launcher")},
        {"__spec__": types.SimpleNamespace(name="benchmarks.loso_vs_torch")},
    ],
)
def test_no_command_is_made_up_for_notebooks_and_benchmarks(monkeypatch, main):
    started_as(monkeypatch, ["launcher", "-f", "kernel.json"], **main)
    assert environment.command() == ""


def test_the_code_is_told_by_its_commit_or_its_version(tmp_path):
    def git(*arguments):
        identity = ("-c", "user.name=n", "-c", "user.email=e", "-C", tmp_path)
        return subprocess.run(["git", *identity, *arguments], capture_output=True, check=True)

    version = f"version {ethnicmer_jax.__version__}"
    assert environment.code(tmp_path) == version
    git("init")
    assert environment.code(tmp_path) == f"{version}, of a git checkout that cannot be read"
    (tmp_path / "code.py").write_text("a = 1")
    git("add", ".")
    git("commit", "-m", "first")
    commit = git("rev-parse", "HEAD").stdout.decode().strip()
    assert environment.code(tmp_path) == f"git commit {commit}"
    (tmp_path / "notes.txt").write_text("not of the code")
    assert environment.code(tmp_path) == f"git commit {commit}"
    (tmp_path / "code.py").write_text("a = 2")
    assert environment.code(tmp_path) == f"git commit {commit}, with uncommitted changes"


OTHER_FLAGS = "--xla_cpu_multi_thread_eigen=false --xla_cpu_experimental_ynn_fusion_type=-reduce"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", f"--xla_force_host_platform_device_count=3 {OTHER_FLAGS}"),
        (
            "--xla_force_host_platform_device_count=8",
            f"--xla_force_host_platform_device_count=8 {OTHER_FLAGS}",
        ),
    ],
)
def test_every_core_becomes_a_device_unless_the_user_says_otherwise(monkeypatch, before, expected):
    monkeypatch.setenv("XLA_FLAGS", before)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 2, 5}, raising=False)
    environment.prefer_core_devices()
    assert environment.os.environ["XLA_FLAGS"] == expected
