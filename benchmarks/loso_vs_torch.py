"""Whole LOSO of STSTNet: this engine against a clean PyTorch loop, in one run.

    python -m benchmarks.loso_vs_torch --raw=PATH/manifest.csv

Both train every fold for the same epochs, batch size, optimizer and network and then
predict its held-out clips. The engine's time includes its compilation. PyTorch works once in
one process with all its threads, and once in as many processes of one thread as there are
cores, which share the folds (starting them is counted); the faster of the two is compared
with. Prints the ratio and appends it to benchmarks/RESULTS.md.
"""

from __future__ import annotations

import datetime
import functools
import pathlib
import platform
import time

import numpy as np
from absl import flags

from benchmarks.results import add_row
from ethnicmer_jax.base import cli, environment

_RAW = flags.DEFINE_string("raw", "", "A manifest; without one, the simulated database.")
_DATA_DIR = flags.DEFINE_string("data_dir", "data", "Where built databases are kept.")
_EPOCHS = flags.DEFINE_integer("epochs", 20, "Epochs of every fold.")
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
    ours, table = _timed("this engine", lambda: _engine(config, dataset, labels, folds))
    seconds = {}
    for processes in (1, len(_cores())):
        name = f"PyTorch, {processes} process" + ("es of one thread" if processes > 1 else "")
        seconds[name], predicted = _timed(
            name,
            functools.partial(
                torch_loso.loso,
                *(dataset.flow, labels.emotion, folds, _EPOCHS.value),
                processes=processes,
            ),
        )
    best = min(seconds, key=seconds.__getitem__)
    uf1 = next(iter(compute(table)["runs"].values()))["uf1"]
    torch_uf1 = torch_loso.pooled_uf1(labels.emotion, predicted, folds)
    print(f"pooled UF1: {uf1:.3f} here, {torch_uf1:.3f} in PyTorch")
    print(f"ratio: {seconds[best] / ours:.2f} times as fast as {best}")
    _append(ours, seconds, best, uf1, torch_uf1, len(folds), torch.__version__, jax.__version__)


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
    dataset = preparation.read(config).dataset
    plan = build(config.protocol, dataset, config.seed)
    labels = targets.build(dataset, config.model.ethnic_target, plan.grouping)
    return config, dataset, labels, plan.folds


def _engine(config, dataset, labels, folds):
    from ethnicmer_jax.training.engine import Engine

    return Engine(config, dataset, labels, folds).train()


def _timed(name: str, call):
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    print(f"{name:36s} {seconds:8.1f} s", flush=True)
    return seconds, result


def _append(ours, seconds, best, uf1, torch_uf1, folds, torch_version, jax_version) -> None:
    path = pathlib.Path(_RESULTS.value)
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    others = "; ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    row = (
        f"| {day} | LOSO, {folds} folds, ststnet, {_EPOCHS.value} epochs | "
        f"{platform.machine()}, {len(_cores())} cores | jax {jax_version}, torch {torch_version} | "
        f"{ours:.1f} s (UF1 {uf1:.3f}) | {others} (UF1 {torch_uf1:.3f}) | "
        f"**{seconds[best] / ours:.2f}** |"
    )
    add_row(path, "LOSO against PyTorch", row)
    print(f"appended to {path}")


def _cores() -> np.ndarray:
    import os

    return np.asarray(sorted(os.sched_getaffinity(0)))


if __name__ == "__main__":
    cli.run(main)
