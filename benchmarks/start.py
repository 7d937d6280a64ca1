"""How long a start takes: from the command to the first epoch of training on its learning curve.

    python -m benchmarks.start [--raw=PATH/manifest.csv]

The database is built before. `first` finds an empty compilation cache, the starts after it what the
first one has left there; each trains baseline.py anew and is ended after its first epoch.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from absl import flags

from benchmarks import results
from ethnicmer_jax.base import cli
from ethnicmer_jax.base.schema import UserError

_RAW = flags.DEFINE_string("raw", "", "manifest.csv of real clips; by default simulated ones.")
_STARTS = flags.DEFINE_integer("starts", 5, "Starts after the first one.", lower_bound=1)
_PATIENCE = 600.0
_RESULTS = flags.DEFINE_string(
    "results", "benchmarks/RESULTS.md", "Markdown file whose table gets a row; empty for none."
)


def main() -> None:
    """Measures and prints a row."""
    table = results.Table.opened(_RESULTS.value, "Start")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        command = _command(folder, _RAW.value)
        _built(command, folder)
        first = _until_first_epoch(command, folder)
        again = [_until_first_epoch(command, folder) for _ in range(_STARTS.value)]
    table.add(
        (
            results.today(),
            pathlib.Path(_RAW.value).name or "simulated",
            f"{first:.1f} s",
            f"{statistics.median(again):.2f} s",
            f"{min(again):.2f} to {max(again):.2f} s",
            results.machine(),
            results.versions("jax", "flax"),
            results.command(),
        )
    )


def _command(folder: pathlib.Path, raw: str) -> list[str]:
    source = ["--config.data.source=manifest", f"--config.data.raw={raw}"] if raw else []
    return [
        *(sys.executable, "-m", "ethnicmer_jax.main", "--config=configs/baseline.py"),
        *(*source, f"--config.data.data_dir={folder / 'data'}", f"--workdir={folder / 'run'}"),
    ]


def _built(command: list[str], folder: pathlib.Path) -> None:
    """Builds the database, with a job that is removed again."""
    end = [f"--workdir={folder / 'built'}", "--config.optim.epochs=1", "--config.protocol.seeds=1"]
    made = subprocess.run([*command, *end], capture_output=True, text=True, check=False)
    if made.returncode:
        raise UserError(f"the database was not built: {made.stderr.strip().splitlines()[-1]}")


def _until_first_epoch(command: list[str], folder: pathlib.Path) -> float:
    """Seconds of wall time from the start of a process to its first line of scalars.jsonl."""
    workdir = folder / "run"
    curve = workdir / "scalars.jsonl"
    environment = os.environ | {"ETHNICMER_JAX_CACHE": str(folder / "cache")}
    begin = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not (curve.exists() and curve.stat().st_size):
            seconds = time.perf_counter() - begin
            if process.poll() is not None or seconds > _PATIENCE:
                raise UserError("the job ended, or waited, without an epoch of training")
            time.sleep(0.005)
        seconds = time.perf_counter() - begin
        process.send_signal(signal.SIGTERM)
    shutil.rmtree(workdir)
    return seconds


if __name__ == "__main__":
    cli.run(main)
