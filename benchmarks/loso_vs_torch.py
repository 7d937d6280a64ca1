"""Whole LOSO of STSTNet: this engine against whatever a user of PyTorch would do, in one run.

    python -m benchmarks.loso_vs_torch --raw=PATH/manifest.csv

All train every fold of the same network on the same clips, with the same batch size, epochs and
optimiser, and then predict its held-out clips. The engine's time includes its compilation; a
second run finds its programs in JAX's compilation cache. PyTorch works

* in one process with all its threads, fold after fold,
* in as many processes of one thread as there are cores, which share the folds (joblib),
* the same with `torch.compile`, twice as well: compiling, and from Inductor's cache,
* with many folds at once through `torch.func.vmap` (stacked networks, batched training),
* on the GPU where there is one, in a loop and with all folds at once.

Starting processes is counted. The ratio is to the fastest of all; the warm one is that of second
runs. Both go to a table of benchmarks/RESULTS.md, with the command.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from absl import flags

from benchmarks import results
from ethnicmer_jax.base import cli, environment
from ethnicmer_jax.base.schema import UserError

_RAW = flags.DEFINE_string("raw", "", "A manifest; without one, the simulated database.")
_DATA_DIR = flags.DEFINE_string("data_dir", "data", "Where built databases are kept.")
_EPOCHS = flags.DEFINE_integer("epochs", 20, "Epochs of every fold.")
_FOLD_BATCH = flags.DEFINE_integer("fold_batch", 0, "As engine.fold_batch.", lower_bound=0)
_TOGETHER = flags.DEFINE_integer("together", 8, "Folds of one vmap on a CPU.", lower_bound=2)
_ONLY = flags.DEFINE_list("only", [], "Of PyTorch's ways, those whose names hold one of these.")
_RESULTS = flags.DEFINE_string("results", "benchmarks/RESULTS.md", "File to append to.")

HEADING = "LOSO against PyTorch"
"""Of the table in RESULTS.md."""


@dataclasses.dataclass(frozen=True)
class Way:
    """One way to train all folds in PyTorch.

    Attributes:
      how: further arguments of `torch_loso.loso`.
      twice: whether a second run finds what the first has compiled.
    """

    how: Mapping[str, Any]
    twice: bool = False


@dataclasses.dataclass(frozen=True)
class Taken:
    """What whole LOSO took.

    Attributes:
      first: seconds, compilation counted.
      again: seconds of another run, whose programs are in a cache; of what compiles nothing the
        same as `first`.
      uf1: of the pooled predictions.
    """

    first: float
    again: float
    uf1: float


def main() -> None:
    """Measures all and reports."""
    table = results.Table.opened(_RESULTS.value, HEADING)
    environment.prefer_core_devices()
    import jax
    import torch

    ways = dict(_ways(torch.cuda.is_available()))
    config, dataset, labels, folds = _problem()
    print(f"{len(folds)} folds, {len(dataset)} clips, {_EPOCHS.value} epochs, batch 32")
    with tempfile.TemporaryDirectory() as caches:
        ours = _engine(f"{caches}/jax", config, dataset, labels, folds)
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = f"{caches}/inductor"
        problem = (dataset.flow, labels.emotion, folds, _EPOCHS.value)
        theirs = {name: _taken(name, way, problem) for name, way in ways.items()}
    first = min(theirs, key=lambda name: theirs[name].first)
    warm = min(theirs, key=lambda name: theirs[name].again)
    print(f"ratio: {theirs[first].first / ours.first:.2f} times as fast as {first}; "
          f"warm: {theirs[warm].again / ours.again:.2f}, {warm}")  # fmt: skip
    device = jax.local_devices()[0]
    accelerator = "" if device.platform == "cpu" else f"{device.device_kind}, "
    found = "; ".join(f"{name} {_shown(taken)}" for name, taken in theirs.items())
    table.add(
        [
            results.today(),
            f"LOSO, {len(folds)} folds, ststnet, {_EPOCHS.value} epochs",
            accelerator + results.machine(),
            results.versions("jax", "torch"),
            _shown(ours),
            found + ("" if shutil.which("g++") else "; no C++ compiler: torch.compile not run"),
            f"**{theirs[first].first / ours.first:.2f}**",
            f"{theirs[warm].again / ours.again:.2f}",
            results.command(),
        ]
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


def _ways(gpu: bool) -> Iterator[tuple[str, Way]]:
    """What a user of PyTorch could do."""
    cores, together = results.cores(), _TOGETHER.value
    each = {"processes": cores}
    shared = f"{cores} processes of one thread"
    ways = {
        "1 process": Way({}),
        shared: Way(each),
        f"{shared}, torch.compile": Way({**each, "compiled": True}, twice=True),
        f"{shared}, vmap of {together} folds": Way({**each, "together": together}),
    }
    if not shutil.which("g++"):
        del ways[f"{shared}, torch.compile"]
    if gpu:
        card = {"device": "cuda"}
        ways |= {
            "1 process on the GPU": Way(card),
            "vmap of all folds on the GPU": Way({**card, "together": 10_000}),
        }
    chosen = {n: w for n, w in ways.items() if not _ONLY.value or any(o in n for o in _ONLY.value)}
    if not chosen:
        raise UserError(f"--only={','.join(_ONLY.value)}: choose from {'; '.join(ways)}")
    yield from chosen.items()


def _engine(cache: str, config, dataset, labels, folds) -> Taken:
    import jax

    from ethnicmer_jax.analysis.metrics import compute
    from ethnicmer_jax.training.engine import Engine

    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.block_until_ready(jax.numpy.ones(8) @ jax.numpy.ones(8))  # starts JAX

    def train():
        return Engine(config, dataset, labels, folds).train()

    first, table = _timed("this engine", train)
    # What it remembers of the first run beside the files would not be there in another process.
    jax.clear_caches()
    again, _ = _timed("this engine again", train)
    return Taken(first, again, next(iter(compute(table)["runs"].values()))["uf1"])


def _taken(name: str, way: Way, problem: tuple[Any, ...]) -> Taken:
    from benchmarks import torch_loso

    flow, emotion, folds, epochs = problem
    train = functools.partial(torch_loso.loso, flow, emotion, folds, epochs, **way.how)
    if not way.how:  # what PyTorch does once in a process
        torch_loso.loso(flow, emotion, folds.select([0]), 1)
    first, predicted = _timed(f"PyTorch, {name}", train)
    again = _timed(f"PyTorch, {name}, again", train)[0] if way.twice else first
    return Taken(first, again, torch_loso.pooled_uf1(emotion, predicted, folds))


def _timed(name: str, call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    print(f"{name:60s} {seconds:8.1f} s", flush=True)
    return seconds, result


def _shown(taken: Taken) -> str:
    again = "" if taken.again == taken.first else f", again {taken.again:.1f} s"
    return f"{taken.first:.1f} s{again} (UF1 {taken.uf1:.3f})"


if __name__ == "__main__":
    cli.run(main)
