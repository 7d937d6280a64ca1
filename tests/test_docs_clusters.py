"""The batch scripts of docs/clusters.md, with tools of SLURM that write down what they do."""

import os
import re
import shlex
import subprocess

import documented
import pytest

PAGE = documented.ROOT / "docs" / "clusters.md"
BLOCKS = re.findall(
    r"^```bash\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)
SCRIPTS = [block for block in BLOCKS if "#SBATCH" in block]
TOOLS = {
    "srun": 'printf "%s\\n" "$@" > srun.txt; exit "$CODE"',
    "scontrol": 'echo "$@" > scontrol.txt',
}


@pytest.fixture(params=SCRIPTS, ids=range(len(SCRIPTS)))
def submitted(request, tmp_path):
    """Runs the script as SLURM would; what srun was given, and what scontrol, if it was called."""
    activate = tmp_path / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    for name, line in TOOLS.items():
        tool = tmp_path / "tools" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(f"#!/bin/bash\n{line}\n")
        tool.chmod(0o755)
    (tmp_path / "script.sh").write_text(request.param)

    def submit(code):
        about = {"SCRATCH": "/scratch", "SLURM_JOB_ID": "17", "CODE": str(code)}
        array = {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_COUNT": "7"}
        path = f"{tmp_path / 'tools'}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "script.sh"],
            cwd=tmp_path,
            env={**os.environ, **about, **array, "PATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        told = tmp_path / "scontrol.txt"
        return (tmp_path / "srun.txt").read_text().splitlines(), told.is_file() and told.read_text()

    return submit


def test_there_is_a_script_of_each_kind():
    assert len(SCRIPTS) == 3
    for script in SCRIPTS:
        assert "--signal=TERM@60\n" in script
        assert "--requeue\n" in script


def test_what_sigterm_has_stopped_is_requeued_and_nothing_else(submitted):
    for code in (0, 2):
        arguments, requeued = submitted(code)
        assert requeued is False
    assert submitted(143)[1] == "requeue 17\n"
    assert arguments[:2] == ["python", "-m"]
    config = next(a for a in arguments if a.startswith("--config=")).removeprefix("--config=")
    assert (documented.ROOT / config.partition(":")[0]).is_file()
    assert any(a.startswith("--workdir=/scratch/") for a in arguments)
    assert shlex.join(arguments).count("'") == 0
