"""The whole program on one accelerator: what it does there, and how fast.

    python -m benchmarks.gpu --raw=PATH/manifest.csv --output=DIR
    make gpu RAW=PATH/manifest.csv
    python -m benchmarks.gpu --raw=PATH/manifest.csv --output=DIR --tiny   # all of it, on a CPU

Steps, in order of importance: LOSO twice, whose predictions must have the same bytes; tests that
mean something there (leak, determinism, resuming, parity, memory); training throughput of large
networks against PyTorch on the same device, and the LOSO of one; a study; LOSO against PyTorch;
other numbers of folds side by side. Each has a time limit of its own, and none goes on beyond
--seconds; one that fails takes nothing from the others. After each of them DIR/gpu.json and the
table in RESULTS.md hold what came out, so that a run cut short keeps it.
"""

from __future__ import annotations

import dataclasses
import filecmp
import importlib.util
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pandas as pd
from absl import flags

from benchmarks import results
from ethnicmer_jax.base import cli, files
from ethnicmer_jax.base.schema import UserError

_USUAL = 470
"""Seconds for all steps together, by default; their own limits are made for that."""

_RAW = flags.DEFINE_string("raw", "", "A manifest of clips of flow.")
_OUTPUT = flags.DEFINE_string("output", "runs/gpu", "Directory of everything that is written.")
_RESULTS = flags.DEFINE_string(
    "results", "", "File to append to; empty: benchmarks/RESULTS.md, with --tiny DIR/RESULTS.md."
)
_SECONDS = flags.DEFINE_integer(
    "seconds", _USUAL, "When all is over; the limits of the steps are in proportion.", lower_bound=1
)
_DRAWS = flags.DEFINE_integer("draws", 100, "Of the study.", lower_bound=1)
_EPOCHS = flags.DEFINE_integer("epochs", 20, "Of LOSO and of the study.", lower_bound=1)
_TINY = flags.DEFINE_bool("tiny", False, "Few clips and small networks: to see that all steps run.")
_STEPS = flags.DEFINE_list("steps", [], "Names of the steps to take; all of them by default.")

_LEAST = 15
"""Seconds below which no step is worth its start."""

HEADING = "Whole program on an accelerator"
"""Of the steps' table in RESULTS.md."""

TESTS = (
    "tests/test_leak.py",
    "tests/test_determinism.py",
    "tests/test_training_fold.py",
    "tests/test_training_memory.py",
    "tests/test_parity_forward.py",
)
WITHOUT = (
    # Of several devices; of processes that are killed; of what a CPU says of its memory.
    "devices or pmap or command or a_cpu_says_nothing"
)
"""What is left out of them, as `pytest -k` names it."""

SMALL = {
    "resnet18": ("--size=32", "--options=widths=8+8+8+8"),
    "tiny_vit_21m": ("--size=32", "--options=depths=1+1+1+1"),
}
"""Networks of --tiny, as `benchmarks.throughput` takes them."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
      name: of its row.
      words: after `python -m`.
      result: regular expression of the lines of its output that say what came out.
      limit: seconds after which it is stopped, where all of them together have 470.
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
    names = [step.name for step in _steps(output, "")]
    if unknown := [name for name in _STEPS.value if name not in names]:
        raise UserError(f"--steps names {unknown[0]!r}; choose from {', '.join(names)}")
    output.mkdir(parents=True, exist_ok=True)
    table = results.Table.opened(_results(output), HEADING)
    _write_manifests(output)
    began, taken = time.monotonic(), list[dict[str, object]]()
    device, platforms = _device()
    print(device, flush=True)
    for step in _steps(output, platforms):
        if _STEPS.value and step.name not in _STEPS.value:
            continue
        left = _SECONDS.value - (time.monotonic() - began)
        if left < _LEAST:
            print(f"{step.name}: not started, --seconds={_SECONDS.value} are over", flush=True)
            continue
        limit = min(step.limit * _SECONDS.value / _USUAL, left)
        taken.append(row := _take(step, output, limit))
        files.write_json(output / "gpu.json", {"device": device, "steps": taken})
        # Throughput's rows are in a table of their own.
        if row["code"] or "benchmarks.throughput" not in str(row["command"]):
            table.add(_cells(row, device))
    return int(any(row["code"] for row in taken))


def _steps(output: pathlib.Path, platforms: str) -> Iterator[Step]:
    rows = f"--results={_results(output)}"
    for name in ("loso", "loso again"):
        yield Step(name, _loso(output, name, "clips"), r"(?i)^loso: UF1 ", limit=90)
    # Parity is that of float32, and accelerators round products to fewer bits by default.
    exact = (("JAX_DEFAULT_MATMUL_PRECISION", "highest"), ("JAX_PLATFORMS", platforms))
    together = ("-n", "6") if importlib.util.find_spec("xdist") and not _TINY.value else ()
    pytest = ("pytest", "-v", *together, "-m", "not slow", "-p", "no:cacheprovider")
    chosen = (*TESTS[:1],) if _TINY.value else (*TESTS, "-k", f"not ({WITHOUT})")
    yield Step("tests", (*pytest, *chosen), r"=.*(passed|failed)", limit=100, environment=exact)
    yield _throughput(rows, "resnet18", "bfloat16", 1, compared=True)
    yield _throughput(rows, "tiny_vit_21m", "bfloat16", 1, compared=True)
    yield Step(
        "study",
        ("ethnicmer_jax.main", "--config=configs/study.py", f"--workdir={output / 'study'}",
         f"--draws={_draws()}",
         "--config.study.jobs=('arms',)", *_clips(output, "clips")),
        r"^job .* done in",
        limit=110,
    )  # fmt: skip
    network = (
        "--config.model.emotion_backbone=resnet18",
        "--config.model.compute_dtype=bfloat16",
        *(("--config.model.image_size=32",) if _TINY.value else ()),
    )
    words = (*_loso(output, "resnet18 loso", "sixteen"), *network)
    yield Step("resnet18 loso", words, r"(?i)^loso: UF1 ", limit=80)
    yield Step(
        "loso against PyTorch",
        ("benchmarks.loso_vs_torch", f"--raw={output / 'clips.csv'}",
         f"--data_dir={output / 'data' / 'clips'}", f"--epochs={_epochs()}", rows,
         f"--only={'1 process' if platforms == 'cpu' else 'on the GPU'}"),
        r"^(this engine|PyTorch|ratio)",
        limit=150,
    )  # fmt: skip
    yield _throughput(rows, "ststnet", "float32", 1024, compared=True)
    yield _throughput(rows, "resnet18", "bfloat16", 16)
    yield _throughput(rows, "tiny_vit_21m", "bfloat16", 4)


def _loso(output: pathlib.Path, name: str, clips: str) -> tuple[str, ...]:
    where = f"--workdir={output / name.replace(' ', '_')}"
    one = ("--config.protocol.seeds=1", "--config.protocol.final=False")
    chosen = _clips(output, clips)
    return ("ethnicmer_jax.main", "--config=configs/baseline.py", where, *one, *chosen)


def _clips(output: pathlib.Path, name: str) -> tuple[str, ...]:
    return (
        "--config.data.source=manifest",
        f"--config.data.raw={output / f'{name}.csv'}",
        f"--config.data.data_dir={output / 'data' / name}",
        f"--config.optim.epochs={_epochs()}",
    )


def _throughput(
    rows: str, backbone: str, dtype: str, fold_batch: int, compared: bool = False
) -> Step:
    """So many folds side by side; PyTorch trains them one after the other."""
    folds = min(fold_batch, 2) if _TINY.value else fold_batch
    small = (*SMALL.get(backbone, ()), "--batch=4", "--clips=16") if _TINY.value else ()
    words = (
        "benchmarks.throughput",
        f"--backbone={backbone}",
        f"--dtype={dtype}",
        f"--fold_batch={folds}",
        f"--folds={folds}",
        "--steps=2" if _TINY.value else "--steps=6",
        rows,
        *(("--compare=torch",) if compared else ()),
        *small,
    )
    name = f"{backbone} {'alone' if fold_batch == 1 else 'together'}"
    return Step(name, words, r"^\| 2", limit=120 if backbone == "tiny_vit_21m" else 90)


def _results(output: pathlib.Path) -> str:
    """A rehearsal leaves no rows among the measurements."""
    usual = str(output / "RESULTS.md") if _TINY.value else "benchmarks/RESULTS.md"
    return _RESULTS.value or usual


def _epochs() -> int:
    return 1 if _TINY.value else _EPOCHS.value


def _draws() -> int:
    return 2 if _TINY.value else _DRAWS.value


def _write_manifests(output: pathlib.Path) -> None:
    """The clips under the name that steps know, and those of sixteen people for large networks."""
    raw = pathlib.Path(_RAW.value).resolve()
    table = pd.read_csv(raw, dtype=str, keep_default_na=False)
    # Beside the manifests: whatever lies elsewhere is refused.
    copies = [f"flow/{row}{pathlib.Path(path).suffix}" for row, path in enumerate(table["flow"])]
    for path, copy in zip(table["flow"], copies, strict=True):
        files.write_bytes(output / copy, (raw.parent / path).read_bytes())
    table["flow"] = copies
    people = table[["database", "subject"]].drop_duplicates()
    # Of every database in turn, so that there are several of each.
    turns = people.assign(turn=people.groupby("database").cumcount())
    order = turns.sort_values("turn", kind="stable")[["database", "subject"]]
    few = {"clips": 8, "sixteen": 4} if _TINY.value else {"clips": len(order), "sixteen": 16}
    for name, count in few.items():
        files.write_table(output / f"{name}.csv", table.merge(order[:count]))


def _take(step: Step, output: pathlib.Path, limit: float) -> dict[str, object]:
    log = output / f"{re.sub('[^a-z0-9]+', '_', step.name.lower())}.log"
    start = time.monotonic()
    # PyTorch and JAX share the card: JAX must not take three quarters of it beforehand.
    environment = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "PYTHONUNBUFFERED": "1"}
    environment |= dict(step.environment)
    with log.open("w") as out:
        # A group of its own: what it has started must not go on once its time is over.
        process = subprocess.Popen(
            [sys.executable, "-m", *step.words],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
            start_new_session=True,
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = 124
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    seconds = time.monotonic() - start
    lines = log.read_text(errors="replace").splitlines()
    found = [line for line in lines if re.search(step.result, line)] or lines[-1:]
    result = "; ".join(" ".join(line.strip(" |").split()) for line in found)
    if step.name == "loso again" and not code:
        same = _same_bytes(output / "loso", output / "loso_again")
        result = f"{'the same' if same else 'OTHER'} bytes of predictions.csv"
    if step.name == "study" and not code:
        result += f"; {60 * _draws() / seconds:.0f} draws a minute, all counted"
    for workdir in map(pathlib.Path, re.findall(r"--workdir=(\S+)", " ".join(step.words))):
        records = sorted(workdir.rglob("metrics.json"))
        result += "".join(f"; folds {_folds(path)}" for path in records[:1])
    print(f"{step.name}: exit code {code}, {seconds:.1f} s; {result}", flush=True)
    return {
        "name": step.name,
        "command": " ".join(["python", "-m", *step.words]),
        "code": code,
        "seconds": round(seconds, 1),
        "result": result,
    }


def _folds(metrics: pathlib.Path) -> str:
    """How many folds a job had side by side."""
    return str(files.read_json(metrics)["environment"].get("folds", "?"))


def _same_bytes(one: pathlib.Path, other: pathlib.Path) -> bool:
    """Of two work directories; a run that was cut short leaves none to compare."""
    first, second = one / "predictions.csv", other / "predictions.csv"
    there = first.is_file() and second.is_file()
    return there and filecmp.cmp(first, second, shallow=False)


def _cells(taken: dict[str, object], device: str) -> list[str]:
    ended = "" if taken["code"] == 0 else f"exit code {taken['code']}; "
    result = str(taken["result"]).replace("|", "/")
    name, seconds = str(taken["name"]), f"{taken['seconds']} s"
    return [results.today(), device, name, seconds, ended + result]


def _device() -> tuple[str, str]:
    """Which device there is, and JAX_PLATFORMS for tests that want a CPU beside it.

    Asked in another process: this one must not hold the device while steps are measured.
    """
    code = (
        "import jax; from ethnicmer_jax.training import devices; d = devices.local(); "
        "print(f'{len(d)} × {d[0].device_kind}, jax {jax.__version__}'); print(d[0].platform)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"JAX finds no device: {(done.stderr.splitlines() or ['?'])[-1]}")
    device, platform = done.stdout.strip().splitlines()[-2:]
    return device, {"cpu": "cpu", "gpu": "cuda,cpu"}.get(platform, f"{platform},cpu")


if __name__ == "__main__":
    cli.run(main)
