"""Training throughput of a network, folds side by side: images/s, memory, FLOPs utilisation.

    python -m benchmarks.throughput --backbone=resnet18 --dtype=bfloat16
    python -m benchmarks.throughput --backbone=resnet18 --size=32 --compare=xla   # on a CPU
    python -m benchmarks.throughput --backbone=ststnet --compare=sliding --repeats=15

Times whole compiled epochs of the engine's own step (forward, backward, Adam, dropout) on
images of noise, compilation not counted. Model FLOPs are three forward passes an image
(Chowdhery et al., PaLM, 2022, appendix B); their utilisation is their rate over the devices'
peak. Appends a row to benchmarks/RESULTS.md. `--compare` measures another computation of the
same network as well, whose epochs take turns with the network's own: "xla" is XLA's own
convolutions and pooling, which are not used on CPUs; "sliding" is STSTNet of plain layers
instead of `stst_block.py`; "torch" is PyTorch's network (torchvision, timm) on the same device,
one fold after the other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import resource
from collections.abc import Callable
from unittest import mock

import numpy as np
from absl import flags
from flax import linen as nn
from jax import lax

from benchmarks import jax_step, results
from benchmarks.plain_ststnet import PlainSTSTNet
from ethnicmer_jax.base import cli
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.models import cost, registry, sliding
from ethnicmer_jax.training.placement import Grid

_BACKBONE = flags.DEFINE_enum("backbone", "resnet18", list(registry.BACKBONES), "Which network.")
_OPTIONS = flags.DEFINE_string("options", "", "Of the network, as model.emotion_options.")
_SIZE = flags.DEFINE_integer("size", 0, "Image size in px; 0 is the network's own.")
_DTYPE = flags.DEFINE_enum("dtype", "float32", ["float32", "bfloat16"], "Compute precision.")
_BATCH = flags.DEFINE_integer("batch", 32, "Examples a step and fold.", lower_bound=1)
_FOLDS = flags.DEFINE_integer("folds", 52, "Folds of the whole LOSO.", lower_bound=1)
_CLIPS = flags.DEFINE_integer("clips", 278, "Clips of the database.", lower_bound=2)
_EPOCHS = flags.DEFINE_integer("epochs", 20, "Epochs of the whole LOSO.", lower_bound=1)
_STEPS = flags.DEFINE_integer("steps", 9, "Steps of a timed epoch.", lower_bound=1)
_FOLD_BATCH = flags.DEFINE_integer("fold_batch", 0, "As engine.fold_batch.", lower_bound=0)
_PEAK = flags.DEFINE_float("peak_tflops", 0.0, "Of one device, where it is not known.")
_COMPARE = flags.DEFINE_enum("compare", None, ["xla", "sliding", "torch"], "What to measure, too.")
_REPEATS = flags.DEFINE_integer("repeats", 3, "Timed epochs.", lower_bound=1)
_RESULTS = flags.DEFINE_string("results", "benchmarks/RESULTS.md", "File to append to.")

PEAK_TFLOPS = {
    ("H100", "bfloat16"): 989.0,
    ("H200", "bfloat16"): 989.0,
    ("A100", "bfloat16"): 312.0,
    ("H100", "float32"): 494.0,
    ("H200", "float32"): 494.0,
    ("A100", "float32"): 156.0,
}
"""Dense peaks of the vendor's data sheets (SXM); of TF32 for float32, as JAX multiplies there."""


def main() -> None:
    """Measures and reports."""
    table = results.Table.opened(_RESULTS.value, "Training throughput")
    config = {
        "emotion_backbone": _BACKBONE.value,
        "image_size": _SIZE.value,
        "emotion_options": _OPTIONS.value,
        "compute_dtype": _DTYPE.value,
        "dropout": 0.5,
    }
    grid = Grid.fitting(0, _FOLD_BATCH.value, 0, _FOLDS.value)
    # Refused before minutes of compilation.
    other = _other_epoch(_COMPARE.value, config, grid) if _COMPARE.value else None
    epochs = [_epoch(config, grid)]
    memory = _peak_memory(grid)
    if other:
        epochs.append(other())
    # Taking turns, so that whatever else runs on the machine slows down both.
    seconds = np.array([[epoch() for epoch in epochs] for _ in range(_REPEATS.value)])
    images = grid.size * _STEPS.value * _BATCH.value / np.median(seconds[:, 0])
    ratio = np.median(seconds[:, -1] / seconds[:, 0])
    flops = 3e9 * cost.of(config).gflops * images
    kind = grid.devices[0].device_kind
    cells = [
        results.today(),
        f"{_BACKBONE.value}, {registry.image_sizes(config)['emotion']} px, {_DTYPE.value}",
        f"{len(grid.devices)} × {kind}",
        f"{grid.size} folds of {_BATCH.value}",
        f"{images:,.0f}",
        f"{memory / 2**30:.1f} GiB",
        f"{flops / 1e12:.2f}",
        _utilisation(flops, kind, len(grid.devices)),
        # Every clip is held out by one fold and trained on by all others.
        f"{(_FOLDS.value - 1) * _CLIPS.value * _EPOCHS.value / images / 60:.1f} min",
        f"{ratio:.1f} × {_COMPARE.value}" if _COMPARE.value else "not measured",
    ]
    table.add(cells)


def _epoch(config: dict, grid: Grid) -> Callable[[], float]:
    return jax_step.epoch(config, grid, clips=_CLIPS.value, batch=_BATCH.value, steps=_STEPS.value)


def _other_epoch(name: str, config: dict, grid: Grid) -> Callable[[], Callable[[], float]]:
    """What builds the epoch to compare with."""
    if name == "torch":
        from benchmarks import torch_step

        size = registry.image_sizes(config)["emotion"]
        fold = functools.partial(
            torch_step.epoch, _BACKBONE.value, size, _DTYPE.value, _BATCH.value, _STEPS.value
        )
        return functools.partial(_fold_after_fold, fold, grid.size)
    computation = _other_computation(name)

    def built() -> Callable[[], float]:
        with computation:
            return _epoch(config, grid)

    return built


def _fold_after_fold(fold: Callable[[], Callable[[], float]], folds: int) -> Callable[[], float]:
    one = fold()
    return lambda: folds * one()


def _other_computation(name: str) -> contextlib.AbstractContextManager:
    """While it is entered, what is built computes the same in another way."""
    if name == "sliding":
        if _BACKBONE.value != "ststnet":
            raise UserError("--compare=sliding is for --backbone=ststnet: others have no block")
        plain = dataclasses.replace(registry.BACKBONES["ststnet"], make=PlainSTSTNet)
        return mock.patch.dict(registry.BACKBONES, ststnet=plain)
    return mock.patch.multiple(
        sliding,
        convolve_on_cpu=lax.conv_general_dilated,
        max_pool_by_slices=nn.max_pool,
    )


def _peak_memory(grid: Grid) -> int:
    """Bytes: of the fullest device, or of this process where devices do not say."""
    stats = [device.memory_stats() or {} for device in grid.devices]
    peaks = [each["peak_bytes_in_use"] for each in stats if "peak_bytes_in_use" in each]
    return max(peaks, default=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def _utilisation(flops: float, kind: str, devices: int) -> str:
    known = [peak for (name, dtype), peak in PEAK_TFLOPS.items()
             if name in kind and dtype == _DTYPE.value]  # fmt: skip
    peak = _PEAK.value or next(iter(known), 0.0)
    return f"{100 * flops / (1e12 * peak * devices):.1f}%" if peak else "peak not known"


if __name__ == "__main__":
    cli.run(main)
