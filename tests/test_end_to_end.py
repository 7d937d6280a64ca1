"""The real command, as a user types it: a manifest in, a report out."""

import json
import os
import pathlib
import subprocess
import sys

import command_host
import pytest
import worlds

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEOPLE = [("casme2", f"sub{i:02d}", "Asian") for i in range(4)]
PEOPLE += [("samm", f"{i:03d}", "White") for i in range(3)] + [("samm", "<script>", "White")]


def quickly(*arguments, **environment):
    """The same of a process that has imported before what every command does, but for JAX."""
    return command_host.run("ethnicmer_jax.main", *arguments, **environment)


def main(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "ethnicmer_jax.main", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_stereo_from_manifest_to_report_and_again(tmp_path):
    worlds.write_manifest(tmp_path, PEOPLE)
    command = (
        *("--config=configs/stereo.py", f"--workdir={tmp_path / 'run'}"),
        *("--config.data.source=manifest", f"--config.data.raw={tmp_path / 'manifest.csv'}"),
        *(f"--config.data.data_dir={tmp_path / 'data'}", "--config.protocol.draws=2"),
        *("--config.optim.epochs=2", "--config.protocol.seeds=2"),
    )
    done = main(*command)
    assert done.returncode == 0, done.stderr
    # 8 subjects, 24 clips; 4 of each group make an arm of 4, 2 of each.
    assert "24 clips of 8 subjects (CASME II, SAMM); 16 folds" in done.stdout
    assert "stereo, draw 0, seed 0" in done.stdout
    assert f"report: {tmp_path / 'run' / 'report' / 'index.html'}" in done.stdout
    assert "try next:\n  python -m ethnicmer_jax predict --workdir=" in done.stdout
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert len(metrics["runs"]) == 4
    assert metrics["environment"]["command"].startswith("python -m ethnicmer_jax.main --config=")
    page = (tmp_path / "run" / "report" / "index.html").read_text()
    assert "samm/<script>" not in page

    before = (tmp_path / "run" / "predictions.csv").stat().st_mtime_ns
    # JAX is not needed to report: a machine where it cannot start does as well.
    again = quickly(*command, JAX_PLATFORMS="none")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "run" / "predictions.csv").stat().st_mtime_ns == before

    refused = quickly(*command, "--config.optim.epochs=3")
    assert refused.returncode == 2
    assert "optim.epochs: 2 -> 3" in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("lab,s1,c9,joyful,0.npy", "'joyful' is unknown"),
        ("lab,s1,c9,anger,gone.npy", "there is no file"),
    ],
)
def test_a_faulty_manifest_is_one_line_and_no_database(tmp_path, line, reason):
    (tmp_path / "manifest.csv").write_text(f"database,subject,clip,emotion,flow\n{line}\n")
    done = quickly(
        *("--config=configs/smoke.py", f"--workdir={tmp_path / 'run'}"),
        *("--config.data.source=manifest", f"--config.data.raw={tmp_path / 'manifest.csv'}"),
        f"--config.data.data_dir={tmp_path / 'data'}",
    )
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
    assert not list((tmp_path / "data").rglob("dataset_info.json"))


@pytest.mark.slow
def test_smoke_simulates_trains_and_reports(tmp_path):
    done = main(
        *("--config=configs/smoke.py", f"--workdir={tmp_path / 'run'}"),
        f"--config.data.data_dir={tmp_path / 'data'}",
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report" / "index.html").is_file()


@pytest.mark.slow
def test_loso_on_the_real_clips(tmp_path, real_manifest):
    done = main(
        *("--config=configs/baseline.py", f"--workdir={tmp_path / 'run'}"),
        *("--config.data.source=manifest", f"--config.data.raw={real_manifest}"),
        *(f"--config.data.data_dir={tmp_path / 'data'}", "--config.protocol.seeds=1"),
        *("--config.checkpoint.keep=none", "--config.optim.epochs=5"),
    )
    assert done.returncode == 0, done.stderr
    assert "278 clips of 52 subjects (CASME II, SAMM); 52 folds" in done.stdout
    values = json.loads((tmp_path / "run" / "metrics.json").read_text())["runs"]["loso-seed0"]
    # The majority class reaches .262; five epochs are enough to be far from it.
    assert values["uf1"] > 0.45
