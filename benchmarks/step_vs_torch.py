"""Steps of single networks against PyTorch's genuine ones, in one run.

    python -m benchmarks.step_vs_torch [--networks=resnet18@64,...] [--batches=16,32]

Training steps (forward, backward, Adam) and inference of torchvision's ResNet-18 and timm's
TinyViT and of ours, which have the same layers (`tests/test_parity_*.py`; their parameters are
counted here), float32, the same batches of noise. Both get `--cores` cores: one by default, as
many as a fold has where folds are spread over cores. PyTorch's images lie channels first and
channels last, and the faster is compared with. Both take turns, so that whatever else runs slows
down both; times are medians. Appends a row for each network, size and batch to RESULTS.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import numpy as np
from absl import flags

from benchmarks import results
from ethnicmer_jax.base import cli
from ethnicmer_jax.base.schema import UserError

_NETWORKS = flags.DEFINE_list(
    "networks", ["resnet18@64", "resnet18@224", "tiny_vit_5m@224"], "Names, and sizes in px."
)
_BATCHES = flags.DEFINE_list("batches", ["16", "32"], "Images a step.")
_CORES = flags.DEFINE_integer("cores", 1, "Cores of this process; 0 for all.", lower_bound=0)
_STEPS = flags.DEFINE_integer("steps", 2, "Training steps that are timed together.", lower_bound=1)
_REPEATS = flags.DEFINE_integer("repeats", 5, "How often both take turns.", lower_bound=1)
_RESULTS = flags.DEFINE_string("results", "benchmarks/RESULTS.md", "File to append to.")

HEADING = "Steps of single networks against PyTorch"
"""Of the table in RESULTS.md."""


def main() -> None:
    """Measures all and reports."""
    table = results.Table.opened(_RESULTS.value, HEADING)
    problems = [(*_network(text), int(batch)) for text in _NETWORKS.value for batch in _batches()]
    _hold_cores()
    import torch

    from benchmarks import torch_step

    torch.set_num_threads(results.cores())
    for name, size, batch in problems:
        config = {"emotion_backbone": name, "image_size": size, "dropout": 0.0}
        _check_alike(config, torch_step.network(name, size))
        training = _medians(_training(config, batch), _STEPS.value)
        inference = _medians(_inference(config, batch), 1)
        table.add(
            [
                results.today(),
                f"{name}, {size} px, batch {batch}",
                results.machine(),
                results.versions("jax", "torch", "torchvision", "timm"),
                *_cells(training),
                *_cells(inference),
                results.command(),
            ]
        )


def _network(text: str) -> tuple[str, int]:
    name, _, size = text.partition("@")
    if name not in ("resnet18", "tiny_vit_5m", "tiny_vit_21m") or not size.isdecimal():
        raise UserError(f"--networks={text}: name one as resnet18@64 or tiny_vit_5m@224")
    return name, int(size)


def _batches() -> list[str]:
    if wrong := [text for text in _BATCHES.value if not text.isdecimal() or not int(text)]:
        raise UserError(f"--batches={wrong[0]}: name numbers of images, as 16,32")
    return _BATCHES.value


def _hold_cores() -> None:
    """Keeps this process, and all threads that it starts, on some cores."""
    if _CORES.value and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: _CORES.value])


def _check_alike(config: dict, genuine) -> None:
    from benchmarks import jax_step

    theirs = sum(parameter.numel() for parameter in genuine.parameters())
    if (ours := jax_step.parameters(config)) != theirs:
        raise RuntimeError(f"{config}: {ours} parameters here, {theirs} in PyTorch")


Clock = Callable[[], float]


def _training(config: Mapping, batch: int) -> Mapping[str, Clock]:
    from benchmarks import jax_step, torch_step
    from ethnicmer_jax.training.placement import Grid

    name, size, steps = config["emotion_backbone"], config["image_size"], _STEPS.value
    clips = torch_step.CLIPS
    ours = jax_step.epoch(config, Grid.fitting(1, 1, 1, 1), clips=clips, batch=batch, steps=steps)
    return {
        "ours": ours,
        "channels first": torch_step.epoch(name, size, "float32", batch, steps, False),
        "channels last": torch_step.epoch(name, size, "float32", batch, steps, True),
    }


def _inference(config: Mapping, batch: int) -> Mapping[str, Clock]:
    from benchmarks import jax_step, torch_step

    name, size = config["emotion_backbone"], config["image_size"]
    return {
        "ours": jax_step.inference(config, batch),
        "channels first": torch_step.inference(name, size, batch, False),
        "channels last": torch_step.inference(name, size, batch, True),
    }


def _medians(clocks: Mapping[str, Clock], steps: int) -> dict[str, float]:
    """Milliseconds a step of each."""
    taken = {name: list[float]() for name in clocks}
    for _ in range(_REPEATS.value):
        for name, clock in clocks.items():
            taken[name].append(clock())
    return {name: 1e3 * float(np.median(times)) / steps for name, times in taken.items()}


def _cells(found: Mapping[str, float]) -> list[str]:
    others = {name: value for name, value in found.items() if name != "ours"}
    best = min(others, key=others.__getitem__)
    ratio = others[best] / found["ours"]
    return [f"{found['ours']:.1f}", f"{others[best]:.1f} ({best})", f"**{ratio:.2f}**"]


if __name__ == "__main__":
    cli.run(main)
