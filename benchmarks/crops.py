"""Face crops of the former and of today's geometry on the same drawn clips, in one run.

    python -m benchmarks.crops [--picture=crops.png [--public=MANIFEST]]

Clips go the whole way: drawing, RetinaFace, alignment, flow, and LOSO of STSTNet. Prints for
both crops how the flow correlates with the true motion on the head, and UF1 and UAR; appends
them to benchmarks/RESULTS.md. The picture shows ten clips in both crops, and ten of a
manifest of flow images beside them.
"""

from __future__ import annotations

import csv
import os
import pathlib
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from absl import flags
from matplotlib.figure import Figure

from benchmarks import drawn_clips, pictures, results
from data_builders.pixels import flow, flow_file
from data_builders.simulation.options import SimulatedOptions
from ethnicmer_jax.base import cli
from ethnicmer_jax.base.crop import CropGeometry

CROPS: Mapping[str, CropGeometry] = {
    "pupils .278 apart at .40": CropGeometry(1 / 3.6, 0.4),
    "pupils .469 apart at .235": CropGeometry.of_margin(),
}
"""Until November 2026, and today's."""

_SHOWN = 10


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_integer("clips", 0, "How many clips; 0 for all 242.", lower_bound=0)
    flags.DEFINE_integer("seeds", 3, "Runs of LOSO; 0 for correlations only.", lower_bound=0)
    flags.DEFINE_integer("epochs", 20, "Epochs of every fold.", lower_bound=1)
    flags.DEFINE_enum("flow", "tvl1", list(flow.METHODS), "Optical flow method.")
    flags.DEFINE_string("results", "benchmarks/RESULTS.md", "File to append to; empty for none.")
    flags.DEFINE_string("picture", "", "PNG file of ten clips in both crops.")
    flags.DEFINE_string("public", "", "Manifest of flow images, shown in the picture, too.")


def main() -> None:
    """Measures both."""
    given = flags.FLAGS
    table = results.Table.opened(given.results, "Face crops")
    shown: list[tuple[str, Sequence[np.ndarray]]] = []
    made = drawn_clips.crop(SimulatedOptions(), list(CROPS.values()), given.clips)
    for name, crops in zip(CROPS, made, strict=True):
        uv = drawn_clips.estimate(crops, given.flow, os.cpu_count() or 1)
        clips = drawn_clips.records(crops, uv)
        agreed = drawn_clips.correlation(crops, uv, crops.seen)
        row = [f"{len(clips)} clips, {given.flow}", name, f"{agreed:.3f}"]
        if given.seeds:
            scores = drawn_clips.loso(clips, given.seeds, given.epochs)
            table.add([results.today(), *row, *(f"{score:.3f}" for score in scores)])
        else:
            print(" | ".join(row), flush=True)
        chosen = np.linspace(0, len(clips) - 1, min(_SHOWN, len(clips))).astype(int)
        shown.append((name, crops.images[chosen]))
        shown.append((f"flow, {name}", [_picture(clips[i].flow) for i in chosen]))
    if given.picture:
        if given.public:
            shown.append(("flow, public", _public(pathlib.Path(given.public))))
        _draw(shown, pathlib.Path(given.picture))


def _public(manifest: pathlib.Path) -> list[np.ndarray]:
    with manifest.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = np.linspace(0, len(rows) - 1, _SHOWN).astype(int)
    paths = [manifest.parent / rows[i]["flow"] for i in chosen]
    return [_picture(flow_file.read(path, drawn_clips.CELLS)[0]) for path in paths]


def _picture(field: np.ndarray) -> np.ndarray:
    """u, v and strain as red, green and blue, each over its own range."""
    low, high = field.min((0, 1)), field.max((0, 1))
    return (field - low) / (high - low)


def _draw(rows: Sequence[tuple[str, Sequence[np.ndarray]]], path: pathlib.Path) -> None:
    matplotlib.use("Agg")
    figure = Figure(figsize=(2 * _SHOWN, 2.3 * len(rows)), layout="tight")
    axes = figure.subplots(len(rows), _SHOWN, squeeze=False)
    for line, (title, images) in zip(axes, rows, strict=True):
        line[0].set_title(title, loc="left")
        for axis in line:
            axis.set_axis_off()
        for axis, image in zip(line, images, strict=False):
            axis.imshow(image)
    pictures.save(figure, path, dpi=60)
    print(path)


if __name__ == "__main__":
    define_flags()
    cli.run(main)
