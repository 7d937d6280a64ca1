import json
import sys
import types

import jax
import pytest

from ethnicmer_jax import environment


def test_the_description_is_plain_data_with_versions_and_devices(monkeypatch):
    monkeypatch.setattr("sys.argv", ["main.py", "--config=a b.py"])
    made = environment.describe(["cpu", "cpu"])
    assert json.loads(json.dumps(made)) == made
    assert made["command"] == "python -m ethnicmer_jax.main '--config=a b.py'"
    assert made["devices"] == "2 × cpu"
    assert made["versions"]["jax"] == jax.__version__


@pytest.mark.parametrize("name", ["ethnicmer_jax.sweep", "ethnicmer_jax.sweep.__main__"])
def test_the_command_is_the_one_that_runs(monkeypatch, name):
    monkeypatch.setattr("sys.argv", ["a.py", "--shard=1/2"])
    spec = types.SimpleNamespace(name=name)
    monkeypatch.setitem(sys.modules, "__main__", types.SimpleNamespace(__spec__=spec))
    assert environment.command() == "python -m ethnicmer_jax.sweep --shard=1/2"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", "--xla_force_host_platform_device_count=3 --xla_cpu_multi_thread_eigen=false"),
        (
            "--xla_force_host_platform_device_count=8",
            "--xla_force_host_platform_device_count=8 --xla_cpu_multi_thread_eigen=false",
        ),
    ],
)
def test_every_core_becomes_a_device_unless_the_user_says_otherwise(monkeypatch, before, expected):
    monkeypatch.setenv("XLA_FLAGS", before)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 2, 5}, raising=False)
    environment.prefer_core_devices()
    assert environment.os.environ["XLA_FLAGS"] == expected
