"""How time and memory grow with folds, draws, clips, subjects and devices.

    python -m benchmarks.scaling [--axes=folds,draws,clips,subjects,devices] [--full]

Along every axis one number grows and the others stay; each size is measured in a process of its
own (`scaling_point`), and its row appended to benchmarks/RESULTS.md. What must not grow is the cost
of one fold where folds become more, and of one fold and clip where clips do. --full goes to 20,000
clips, 2,000 subjects and 100 draws; without it, to a tenth of that. --figure draws the rows.
"""

from __future__ import annotations

import json
import math
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from absl import flags

from benchmarks import pictures, results
from ethnicmer_jax.base import cli
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.base.schema import UserError

AXES = ("folds", "draws", "clips", "subjects", "devices")
HEADING = "Scaling"
"""Of the table in RESULTS.md."""

_AXES = flags.DEFINE_list("axes", list(AXES), "What grows.")
_FULL = flags.DEFINE_bool("full", False, "Up to 20,000 clips, 2,000 subjects, 100 draws.")
_SIZES = flags.DEFINE_list("sizes", [], "Of one axis, in place of its own; for a quick look.")
_FIGURE = flags.DEFINE_string("figure", "", "Where to draw the rows, a PNG file.")
_RESULTS = flags.DEFINE_string("results", "benchmarks/RESULTS.md", "File to append to.")


def main() -> None:
    """Measures, appends, draws."""
    table = results.Table.opened(_RESULTS.value, HEADING)
    if unknown := [axis for axis in _AXES.value if axis not in AXES]:
        raise UserError(f"--axes={unknown[0]}: choose from {', '.join(AXES)}")
    points = [(axis, size, point) for axis in _AXES.value for size, point in _points(axis)]
    found = []
    for axis, size, point in Progress("sizes", points, unit="size"):
        cost = _measured(point, size if axis == "devices" else results.cores())
        found.append((axis, size, cost))
        table.add(_cells(axis, size, point, cost))
    if _FIGURE.value:
        _draw(found, pathlib.Path(_FIGURE.value))


def _points(axis: str) -> Iterator[tuple[int, dict[str, int]]]:
    """Sizes along an axis, and their `scaling_point.Point`s."""
    sizes = {
        "folds": (26, 104, 416, 1664) if _FULL.value else (26, 104),
        "draws": (4, 20, 100) if _FULL.value else (2, 4),
        "clips": (1000, 5000, 20_000) if _FULL.value else (500, 2000),
        "subjects": (100, 500, 2000) if _FULL.value else (50, 200),
        "devices": tuple(2**n for n in range(7) if 2**n <= results.cores()),
    }
    for size in map(int, _SIZES.value or sizes[axis]):
        yield (
            size,
            {
                # 26 subjects of 5 clips, with more and more seeds.
                "folds": {
                    "subjects": 26,
                    "clips": 130,
                    "seeds": max(1, size // 26),
                    "trained": size,
                },
                "draws": {"subjects": 60, "clips": 600, "draws": size},
                "clips": {
                    "subjects": min(100, size // 3),
                    "clips": size,
                    "trained": 16,
                    "epochs": 1,
                },
                "subjects": {"subjects": size, "clips": 10 * size},
                "devices": {"subjects": 52, "clips": 260, "trained": 52},
            }[axis],
        )


def _measured(point: dict[str, int], devices: int) -> dict[str, Any]:
    flag = f"--xla_force_host_platform_device_count={devices}"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scaling_point", json.dumps(point)],
        capture_output=True,
        text=True,
        env=os.environ | {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()},
    )
    if done.returncode:
        raise RuntimeError(f"{point}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _cells(axis: str, size: int, point: dict[str, int], cost: dict[str, Any]) -> list[str]:
    trained = not math.isnan(cost["training"])
    return [
        results.today(),
        f"{size:,} {axis}",
        f"{cost['folds']:,} folds × {point['clips']:,} clips",
        f"{cost['plan']:.2f} s, {1e3 * cost['plan'] / cost['folds']:.2f} ms",
        f"{cost['plan_memory'] / 2**20:.1f} MiB",
        f"{cost['held'] / cost['folds']:.0f} B (masks: {2 * point['clips']:,} B)",
        f"{1e3 * cost['constants'] / cost['folds']:.2f} ms",
        f"{1e3 * cost['host']:.2f} ms",
        f"{1e3 * cost['training']:.1f} ms" if trained else "",
        f"{cost['memory'] / 2**20:,.0f} MiB",
        results.machine(),
        results.versions("jax", "numpy"),
        results.command(),
    ]


def _draw(found: list[tuple[str, int, dict[str, Any]]], path: pathlib.Path) -> None:
    """Milliseconds of one fold along every axis."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    axes = list(dict.fromkeys(axis for axis, _, _ in found))
    size = 2.2 * len(axes) + 1.8, 2.8
    # One scale for all: what does not grow is a level line in every panel.
    figure, panels = plt.subplots(
        1, len(axes), figsize=size, squeeze=False, sharey=True, layout="constrained"
    )
    named = {
        "plan": "plan, a fold",
        "constants": "layout, a fold",
        "host": "host, a fold and epoch",
        "training": "training, a fold and epoch",
    }
    for panel, axis in zip(panels[0], axes, strict=True):
        rows = [(size, cost) for name, size, cost in found if name == axis]
        for key, label in named.items():
            of_all = key in ("plan", "constants")
            values = [1e3 * cost[key] / (cost["folds"] if of_all else 1) for _, cost in rows]
            if not math.isnan(values[0]):
                panel.loglog([number for number, _ in rows], values, "o-", label=label)
        numbers = [number for number, _ in rows]
        panel.set_xticks(numbers, [f"{number:,}" for number in numbers], fontsize=7)
        panel.minorticks_off()
        panel.set_xlabel(axis)
    panels[0][0].set_ylabel("ms")
    figure.legend(*panels[0][0].get_legend_handles_labels(), fontsize=8, loc="outside right upper")
    pictures.save(figure, path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    cli.run(main)
