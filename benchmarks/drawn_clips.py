"""Drawn clips on face crops, with the truth of what moves: for benchmarks of crops and flow."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from data_builders.pixels import flow
from data_builders.pixels.detection import retinaface
from data_builders.pixels.faces import alignment, main_face, warp
from data_builders.simulation import film
from data_builders.simulation.anatomy import FRAME_SIZE
from data_builders.simulation.canvas import Canvas
from data_builders.simulation.drawing import head_outline
from data_builders.simulation.options import SimulatedOptions
from data_builders.simulation.scenario import ClipSpec
from data_builders.sources import simulated
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.base.schema import ClipLabels, ClipRecord

SIZE = 224
"""Side of the crops in pixels."""

CELLS = 28
"""Cells a side of what is compared with the truth, and of what a network sees."""


@dataclasses.dataclass(frozen=True)
class Crops:
    """Clips cropped alike.

    Attributes:
      labels: n clips.
      images: uint8 [n, SIZE, SIZE, 3]; at onset.
      onsets, apexes: uint8 [n, SIZE, SIZE], grey.
      skin: float32 [n, CELLS, CELLS, 2]; true motion of the skin alone, pixels of the crop.
      seen: float32 [n, CELLS, CELLS, 2]; with the head's: what an ideal estimate would see.
      head: bool [n, CELLS, CELLS]; cells on the head.
    """

    labels: Sequence[ClipLabels]
    images: np.ndarray
    onsets: np.ndarray
    apexes: np.ndarray
    skin: np.ndarray
    seen: np.ndarray
    head: np.ndarray


def crop(options: SimulatedOptions, geometries: Sequence[CropGeometry], count: int) -> list[Crops]:
    """Draws clips, finds their faces and crops them.

    Args:
      options: what the clips show.
      geometries: where the pupils are brought to.
      count: how many clips, spread over the database; 0 for all.

    Returns:
      The same clips for each geometry.
    """
    tasks = simulated.list_clips(options).tasks
    chosen = np.linspace(0, len(tasks) - 1, count or len(tasks)).astype(int)
    rows: list[list[tuple]] = [[] for _ in geometries]
    for task in Progress("drawing", [tasks[i] for i in chosen], unit="clip"):
        onset, apex = task.motion.read()
        face = main_face(retinaface(0.9).detect(onset), onset.shape[:2])
        for row, geometry in zip(rows, geometries, strict=True):
            transform = alignment(face.eyes, geometry, SIZE)
            pair = [warp(frame, transform, SIZE) for frame in (onset, apex)]
            truth = _truth(task.motion.spec, transform)
            row.append((task.labels, pair[0], *map(flow.grey, pair), *truth))
    columns = (zip(*row, strict=True) for row in rows)
    return [Crops(labels, *map(np.stack, arrays)) for labels, *arrays in columns]


def estimate(crops: Crops, method: str, threads: int) -> np.ndarray:
    """Flow of the crops, float32 [n, SIZE, SIZE, 2]; see `flow.compute_many`."""
    return flow.compute_many(crops.onsets, crops.apexes, method, threads)


def records(crops: Crops, uv: np.ndarray) -> list[ClipRecord]:
    """Clips as a database stores them."""
    return [
        ClipRecord(labels, flow.to_record(each, CELLS), "percent_of_width")
        for labels, each in zip(crops.labels, uv, strict=True)
    ]


def correlation(crops: Crops, uv: np.ndarray, truth: np.ndarray) -> float:
    """Median over clips of the correlation with a true motion, in cells on the head."""
    found = np.stack([_cells(each) for each in uv])
    return float(
        np.median(
            [
                np.corrcoef(one[head].ravel(), true[head].ravel())[0, 1]
                for one, true, head in zip(found, truth, crops.head, strict=True)
            ]
        )
    )


def error(crops: Crops, uv: np.ndarray, truth: np.ndarray) -> float:
    """Median over clips of the end-point error (root mean square), in cells on the head."""
    found = np.stack([_cells(each) for each in uv])
    squares = ((found - truth) ** 2).sum(axis=-1)
    means = [square[head].mean() for square, head in zip(squares, crops.head, strict=True)]
    return float(np.median(np.sqrt(means)))


def loso(clips: Sequence[ClipRecord], seeds: int, epochs: int) -> tuple[float, float]:
    """UF1 and UAR of STSTNet on the flow of clips, scaled by its root mean square.

    Args:
      clips: a database.
      seeds: runs, over which scores are averaged.
      epochs: of every fold.
    """
    from configs import common
    from ethnicmer_jax.analysis.metrics import compute
    from ethnicmer_jax.base import class_schemes
    from ethnicmer_jax.data import class_labels
    from ethnicmer_jax.data.dataset import from_records
    from ethnicmer_jax.jobs import preparation
    from ethnicmer_jax.protocols import build

    config = common.get_config()
    config.protocol.seeds, config.optim.epochs = seeds, epochs
    config.data.flow_scaling, config.checkpoint.keep = "rms", "none"
    scheme = class_schemes.parse(config.data.classes)
    dataset = class_labels.classed(from_records(clips), scheme).dataset
    plan = build(config.protocol, dataset, config.seed)
    predictions = preparation.trainer_of(config, dataset, plan).train()
    assert predictions is not None, "one process has trained all folds"
    runs = compute(predictions)["runs"].values()
    uf1, uar = np.mean([[run["uf1"], run["uar"]] for run in runs], axis=0)
    return float(uf1), float(uar)


def _truth(spec: ClipSpec, transform: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Skin motion, whole motion and head of a clip, on its crop; see `Crops`."""
    canvas = Canvas(np.zeros((FRAME_SIZE, FRAME_SIZE, 3), np.float32), spec.pose)
    outline = canvas.mask(head_outline(spec.subject.person.anatomy))
    skin, seen = (
        _cells(cv2.warpAffine(each @ linear, transform, (SIZE, SIZE)))
        for linear in [transform[:, :2].T.astype(np.float32)]
        for each in (film.skin_displacement(spec, spec.apex), film.displacement(spec, spec.apex))
    )
    return skin, seen, _cells(cv2.warpAffine(outline, transform, (SIZE, SIZE))) > 0.5


def _cells(field: np.ndarray) -> np.ndarray:
    return cv2.resize(field, (CELLS, CELLS), None, 0, 0, cv2.INTER_AREA)
