"""Benchmarks add rows of figures to their own tables."""

import os
import pathlib
import subprocess
import sys

import flow_manifest
import pytest

from benchmarks.results import add_row

ROOT = pathlib.Path(__file__).resolve().parents[1]
TABLES = """# Measurements

## One

| a |
|---|
| 1 |

## Training throughput

| a |
|---|
"""


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "RESULTS.md"
    path.write_text(TABLES)
    return path


def test_a_row_goes_below_the_last_one_of_its_table(results):
    add_row(results, "One", "| 2 |")
    add_row(results, "Training throughput", "| 3 |")
    assert results.read_text() == TABLES.replace("| 1 |", "| 1 |\n| 2 |") + "| 3 |\n"


def test_a_table_that_is_not_there_is_an_error(results):
    with pytest.raises(ValueError, match="Two"):
        add_row(results, "Two", "| 1 |")


def test_throughput_is_measured_from_end_to_end(results):
    flags = {"backbone": "ststnet", "folds": 2, "clips": 8, "batch": 4, "steps": 1,
             "peak_tflops": 1.0, "results": results}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.throughput", "--compare_xla"]
        + [f"--{name}={value}" for name, value in flags.items()],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *_, device, folds, rate, memory, tflops, utilisation, loso, ratio = [
        cell.strip() for cell in results.read_text().splitlines()[-1].strip("|").split("|")
    ]
    assert device.endswith("cpu")
    assert folds.endswith("folds of 4")
    assert memory.endswith("GiB")
    assert loso.endswith("min")
    images = float(rate.replace(",", ""))
    assert images > 0
    assert float(ratio) > 0
    # One image costs three forward passes of 0.000901 GFLOPs.
    devices = int(device.split()[0])
    assert float(tflops) == pytest.approx(3 * 0.000901e-3 * images, abs=0.006)
    assert float(utilisation.rstrip("%")) == pytest.approx(
        100 * 3 * 0.000901e-3 * images / devices, abs=0.06
    )


def run(module, *flags):
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *map(str, flags)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=1"},
    )


def test_loso_is_compared_with_pytorch_from_end_to_end(tmp_path):
    pytest.importorskip("torch", reason="the extra [parity] is not installed")
    path = tmp_path / "RESULTS.md"
    path.write_text("## LOSO against PyTorch\n\n| ratio |\n|---|\n")
    manifest = flow_manifest.write(tmp_path / "raw", subjects=3, databases=("samm",))
    done = run(
        "loso_vs_torch", f"--raw={manifest}", f"--data_dir={tmp_path}", "--epochs=1",
        f"--results={path}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    row = path.read_text().splitlines()[-1]
    assert "LOSO, 3 folds, ststnet, 1 epochs" in row
    assert "PyTorch, 1 process " in row
    assert float(row.split("**")[1]) > 0


def test_the_rate_of_building_is_measured_from_end_to_end(tmp_path):
    path = tmp_path / "RESULTS.md"
    path.write_text("## Building a database\n\n| ratio |\n|---|\n")
    done = run("build_rate", "--clips=2", f"--results={path}")
    assert done.returncode == 0, done.stderr
    assert "| 2 drawn clips, RetinaFace, TV-L1 |" in path.read_text()
