"""The command of a sweep; test_sweep_runner.py has what it runs."""

import functools
import shutil

import command_host
import pandas as pd
import pytest
from command_host import ROOT

command = functools.partial(command_host.run, "ethnicmer_jax", "sweep", JAX_PLATFORMS="none")


def summary(directory):
    return pd.read_csv(directory / "summary.csv").set_index("point")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--config=configs/ablation.py", "--workdir=W", "--shard=0/4"), "--shard=0/4 must be i/n"),
        (("--config=configs/smoke.py", "--workdir=W"), "must have config.sweep"),
        (("--workdir=W", "--summary_only"), "W is no sweep"),
    ],
    ids=str,
)
def test_a_wrong_command_line_is_one_line_and_exit_code_two(arguments, reason):
    done = command(*arguments)
    assert done.returncode == 2, done.stderr
    assert reason in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not (ROOT / "W").exists()


def test_failures_are_lines_at_the_end_and_a_summary_all_the_same(tmp_path):
    done = command(
        *("--config=configs/ablation.py:inputs", f"--workdir={tmp_path}", "--shard=1/3"),
        *("--config.data.source=manifest", "--config.data.raw=gone.csv"),
    )
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        *("flow_scaling=minmax,mirror=True", "flow_scaling=median,mirror=False"),
        *("flow_scaling=none,mirror=True", "error"),
    ]
    assert "gone.csv" in lines[0]
    assert lines[-1].startswith("error: 3 of 3 points failed")
    assert (summary(tmp_path).status == "failed").sum() == 3
    shutil.rmtree(tmp_path / "errors")
    again = command(f"--workdir={tmp_path}", "--summary_only")
    assert again.returncode == 0, again.stderr
    assert "0 of 8 points are finished" in again.stdout
    assert (summary(tmp_path).status == "not finished").all()
