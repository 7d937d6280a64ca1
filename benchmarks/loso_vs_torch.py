"""Whole LOSO of STSTNet: this engine against a clean PyTorch loop, in one run.

    python -m benchmarks.loso_vs_torch --raw=PATH/manifest.csv

Both train every fold for the same epochs, batch size, optimizer and network and then
predict its held-out clips. The engine's time includes its compilation; a second run, which
finds its programs in JAX's compilation cache, is stated beside it. PyTorch works once in one
process with all its threads, once in as many processes of one thread as there are cores, which
share the folds (starting them is counted), and once on the GPU where there is one; the fastest
is compared with. Prints the ratio and appends it to benchmarks/RESULTS.md.
"""

from __future__ import annotations

import datetime
import functools
import pathlib
import platform
import tempfile
import time
from typing import Any

import numpy as np
from absl import flags

from benchmarks.results import add_row
from ethnicmer_jax.base import cli, environment

_RAW = flags.DEFINE_string("raw", "", "A manifest; without one, the simulated database.")
_DATA_DIR = flags.DEFINE_string("data_dir", "data", "Where built databases are kept.")
_EPOCHS = flags.DEFINE_integer("epochs", 20, "Epochs of every fold.")
_FOLD_BATCH = flags.DEFINE_integer("fold_batch", 0, "As engine.fold_batch.", lower_bound=0)
_RESULTS = flags.DEFINE_string("results", "benchmarks/RESULTS.md", "File to append to.")


def main() -> None:
    """Measures both and reports."""
    environment.prefer_core_devices()
    import jax
    import torch

    from benchmarks import torch_loso
    from ethnicmer_jax.analysis.metrics import compute

    config, dataset, labels, folds = _problem()
    torch_loso.train_fold(dataset.flow, labels.emotion, folds.train[0], epochs=1)
    jax.block_until_ready(jax.numpy.ones(8) @ jax.numpy.ones(8))

    print(f"{len(folds)} folds, {len(dataset)} clips, {_EPOCHS.value} epochs, batch 32")
    with tempfile.TemporaryDirectory() as cache:
        jax.config.update("jax_compilation_cache_dir", cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        train = functools.partial(_engine, config, dataset, labels, folds)
        ours, table = _timed("this engine", train)
        again, _ = _timed("this engine again", train)
    seconds = {}
    for name, how in _alternatives(torch.cuda.is_available()).items():
        problem = (dataset.flow, labels.emotion, folds, _EPOCHS.value)
        seconds[name], predicted = _timed(name, lambda p=problem, h=how: torch_loso.loso(*p, **h))
    best = min(seconds, key=seconds.__getitem__)
    uf1 = next(iter(compute(table)["runs"].values()))["uf1"]
    torch_uf1 = torch_loso.pooled_uf1(labels.emotion, predicted, folds)
    print(f"pooled UF1: {uf1:.3f} here, {torch_uf1:.3f} in PyTorch")
    print(f"ratio: {seconds[best] / ours:.2f} times as fast as {best}")
    _append(
        ours, again, seconds, best, uf1, torch_uf1, len(folds), torch.__version__, jax.__version__
    )


def _problem():
    from configs import common
    from ethnicmer_jax.data import targets
    from ethnicmer_jax.jobs import preparation
    from ethnicmer_jax.protocols import build

    config = common.get_config()
    config.data.data_dir = _DATA_DIR.value
    if _RAW.value:
        config.data.source, config.data.raw = "manifest", _RAW.value
    config.data.mirror = False
    config.loss.class_balanced = False
    config.optim.epochs = _EPOCHS.value
    config.optim.schedule = "constant"
    config.checkpoint.keep = "none"
    config.engine.fold_batch = _FOLD_BATCH.value
    dataset = preparation.read(config).dataset
    plan = build(config.protocol, dataset, config.seed)
    labels = targets.build(dataset, config.model.ethnic_target, plan.grouping)
    return config, dataset, labels, plan.folds


def _alternatives(gpu: bool) -> dict[str, dict[str, Any]]:
    """What a user of PyTorch could do, and how `torch_loso.loso` is called for it."""
    cores = len(_cores())
    return {
        "PyTorch, 1 process": {},
        f"PyTorch, {cores} processes of one thread": {"processes": cores},
        **({"PyTorch, 1 process on the GPU": {"device": "cuda"}} if gpu else {}),
    }


def _engine(config, dataset, labels, folds):
    from ethnicmer_jax.training.engine import Engine

    return Engine(config, dataset, labels, folds).train()


def _timed(name: str, call):
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    print(f"{name:36s} {seconds:8.1f} s", flush=True)
    return seconds, result


def _append(ours, again, seconds, best, uf1, torch_uf1, folds, torch_version, jax_version) -> None:
    path = pathlib.Path(_RESULTS.value)
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    others = "; ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    row = (
        f"| {day} | LOSO, {folds} folds, ststnet, {_EPOCHS.value} epochs | "
        f"{_machine()} | jax {jax_version}, torch {torch_version} | "
        f"{ours:.1f} s (UF1 {uf1:.3f}), again {again:.1f} s | {others} (UF1 {torch_uf1:.3f}) | "
        f"**{seconds[best] / ours:.2f}** |"
    )
    add_row(path, "LOSO against PyTorch", row)
    print(f"appended to {path}")


def _machine() -> str:
    import jax

    cores = f"{platform.machine()}, {len(_cores())} cores"
    device = jax.local_devices()[0]
    return cores if device.platform == "cpu" else f"{device.device_kind}, {cores}"


def _cores() -> np.ndarray:
    import os

    return np.asarray(sorted(os.sched_getaffinity(0)))


if __name__ == "__main__":
    cli.run(main)
