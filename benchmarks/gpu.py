"""The whole program on one accelerator: what it does there, and how fast.

    python -m benchmarks.gpu --raw=PATH/manifest.csv --output=DIR
    make gpu RAW=PATH/manifest.csv

Steps, in order of importance: LOSO twice, whose predictions must have the same bytes; LOSO
against PyTorch; a study; training throughput against PyTorch on the same device; tests that mean
something there. None begins later than --seconds. After each of them DIR/gpu.json holds what has
been measured, so that a run cut short keeps it; the benchmarks append their rows to RESULTS.md, and
the steps' own table goes there at the end.
"""

from __future__ import annotations

import dataclasses
import filecmp
import os
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator

from absl import flags

from benchmarks import results
from ethnicmer_jax.base import cli, files
from ethnicmer_jax.base.schema import UserError

_RAW = flags.DEFINE_string("raw", "", "A manifest of clips of flow.")
_OUTPUT = flags.DEFINE_string("output", "runs/gpu", "Directory of everything that is written.")
_RESULTS = flags.DEFINE_string("results", "benchmarks/RESULTS.md", "File to append to.")
_SECONDS = flags.DEFINE_integer("seconds", 480, "No step starts later.", lower_bound=1)
_DRAWS = flags.DEFINE_integer("draws", 100, "Of the study.", lower_bound=1)
_EPOCHS = flags.DEFINE_integer("epochs", 20, "Of LOSO and of the study.", lower_bound=1)
_STEPS = flags.DEFINE_list("steps", [], "Names of the steps to take; all of them by default.")

HEADING = "Whole program on an accelerator"
"""Of the steps' table in RESULTS.md."""

TESTS = (
    "tests/test_leak.py",
    "tests/test_parity_forward.py",
    "tests/test_training_fold.py",
    "tests/test_training_checkpoint.py",
)


@dataclasses.dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
      name: of its row.
      words: after `python -m`.
      result: regular expression of the lines of its output that say what came out.
      limit: seconds after which it is stopped.
      environment: variables that are set for it.
    """

    name: str
    words: tuple[str, ...]
    result: str
    limit: int = 120
    environment: tuple[tuple[str, str], ...] = ()


def main() -> int:
    """Takes the steps; 1 where one of them has failed."""
    if not _RAW.value:
        raise UserError("--raw must name the manifest of the clips")
    output = cli.directory_of(_OUTPUT)
    table = results.Table.opened(_RESULTS.value, HEADING)
    names = [step.name for step in _steps(output)]
    if unknown := [name for name in _STEPS.value if name not in names]:
        raise UserError(f"--steps names {unknown[0]!r}; choose from {', '.join(names)}")
    output.mkdir(parents=True, exist_ok=True)
    device = _device()
    print(device, flush=True)
    began, taken = time.monotonic(), list[dict[str, object]]()
    for step in _steps(output):
        if _STEPS.value and step.name not in _STEPS.value:
            continue
        if time.monotonic() - began > _SECONDS.value:
            print(f"{step.name}: not started, --seconds={_SECONDS.value} are over", flush=True)
            continue
        taken.append(_take(step, output))
        files.write_json(output / "gpu.json", {"device": device, "steps": taken})
    for row in taken:
        # Throughput's rows are in a table of their own.
        if row["code"] or "benchmarks.throughput" not in str(row["command"]):
            table.add(_cells(row, device))
    return int(any(row["code"] for row in taken))


def _steps(output: pathlib.Path) -> Iterator[Step]:
    clips = (
        "--config.data.source=manifest",
        f"--config.data.raw={_RAW.value}",
        f"--config.data.data_dir={output / 'data'}",
        f"--config.optim.epochs={_EPOCHS.value}",
    )
    one = (
        "--config.protocol.seeds=1",
        "--config.protocol.final=False",
        "--config.engine.fold_batch=52",
    )
    for name in ("loso", "loso again"):
        where = f"--workdir={output / name.replace(' ', '_')}"
        words = ("ethnicmer_jax.main", "--config=configs/baseline.py", where, *one, *clips)
        yield Step(name, words, r"(?i)^loso: UF1 ")
    rows = f"--results={_RESULTS.value}"
    yield Step(
        "loso against PyTorch",
        ("benchmarks.loso_vs_torch", f"--raw={_RAW.value}", f"--data_dir={output / 'data'}",
         f"--epochs={_EPOCHS.value}", "--fold_batch=52", rows),
        r"^(this engine|PyTorch|ratio)",
        limit=240,
    )  # fmt: skip
    yield Step(
        "study",
        ("ethnicmer_jax.main", "--config=configs/study.py", f"--workdir={output / 'study'}",
         f"--draws={_DRAWS.value}", "--config.study.jobs=('arms','pooled')",
         "--config.engine.fold_batch=1024", *clips),
        r"^job .* done in",
        limit=180,
    )  # fmt: skip
    yield from _throughputs(rows, (16, 256, 1024), "ststnet", "float32")
    yield from _throughputs(rows, (1,), "resnet18", "bfloat16")
    yield from _throughputs(rows, (1,), "tiny_vit_21m", "bfloat16")
    # Parity is that of float32, and accelerators round products to fewer bits by default.
    exact = (("JAX_DEFAULT_MATMUL_PRECISION", "highest"), ("JAX_PLATFORMS", _platforms()))
    pytest = ("pytest", "-v", "-n", "6", "-m", "not slow", "-p", "no:cacheprovider", *TESTS)
    yield Step("tests", pytest, r"=.*(passed|failed)", limit=120, environment=exact)
    yield from _throughputs(rows, (16,), "resnet18", "bfloat16")
    yield from _throughputs(rows, (8,), "tiny_vit_21m", "bfloat16")


def _throughputs(rows: str, together: tuple[int, ...], backbone: str, dtype: str) -> Iterator[Step]:
    """A step for each number of folds that are trained together."""
    for folds in together:
        # PyTorch trains folds one after the other: once is enough to compare with.
        compared = ("--compare=torch",) if folds in (1, 256) else ()
        yield Step(
            f"{backbone} {folds} folds",
            ("benchmarks.throughput", f"--backbone={backbone}", f"--dtype={dtype}",
             f"--fold_batch={folds}", f"--folds={folds}", "--steps=6", rows, *compared),
            r"^\| 2",
            limit=80,
        )  # fmt: skip


def _take(step: Step, output: pathlib.Path) -> dict[str, object]:
    log = output / f"{re.sub('[^a-z0-9]+', '_', step.name.lower())}.log"
    start = time.monotonic()
    # PyTorch and JAX share the card: JAX must not take three quarters of it beforehand.
    environment = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "PYTHONUNBUFFERED": "1"}
    environment |= dict(step.environment)
    with log.open("w") as out:
        try:
            code = subprocess.run(
                [sys.executable, "-m", *step.words],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
                timeout=step.limit,
            ).returncode
        except subprocess.TimeoutExpired:
            code = 124
    seconds = time.monotonic() - start
    lines = log.read_text(errors="replace").splitlines()
    found = [line for line in lines if re.search(step.result, line)] or lines[-1:]
    result = "; ".join(" ".join(line.strip(" |").split()) for line in found)
    if step.name == "loso again" and not code:
        same = filecmp.cmp(
            output / "loso" / "predictions.csv",
            output / "loso_again" / "predictions.csv",
            shallow=False,
        )
        result = f"{'the same' if same else 'OTHER'} bytes of predictions.csv"
    print(f"{step.name}: exit code {code}, {seconds:.1f} s; {result}", flush=True)
    return {
        "name": step.name,
        "command": " ".join(["python", "-m", *step.words]),
        "code": code,
        "seconds": round(seconds, 1),
        "result": result,
    }


def _cells(taken: dict[str, object], device: str) -> list[str]:
    ended = "" if taken["code"] == 0 else f"exit code {taken['code']}; "
    result = str(taken["result"]).replace("|", "/")
    name, seconds = str(taken["name"]), f"{taken['seconds']} s"
    return [results.today(), device, name, seconds, ended + result]


def _device() -> str:
    """Asked in another process: this one must not hold the device while steps are measured."""
    code = (
        "import jax; from ethnicmer_jax.training import devices; d = devices.local(); "
        "print(f'{len(d)} × {d[0].device_kind}, jax {jax.__version__}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"JAX finds no device: {(done.stderr.splitlines() or ['?'])[-1]}")
    return done.stdout.strip().splitlines()[-1]


def _platforms() -> str:
    code = "import jax; print(jax.default_backend())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    platform = done.stdout.strip()
    platform = "cuda" if platform == "gpu" else platform
    return platform if platform == "cpu" else f"{platform},cpu"


if __name__ == "__main__":
    cli.run(main)
