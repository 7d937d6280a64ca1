"""Flow methods against the true motion of drawn faces, and TV-L1 against scikit-image's.

    python -m benchmarks.flow_accuracy

Clips of the simulated database, cropped as the builders crop them by default. Prints a row a
method for benchmarks/RESULTS.md and appends them there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from absl import flags

from benchmarks import results
from benchmarks.skimage_flow import by_skimage
from data_builders.database.pipeline import BuildOptions
from data_builders.pixels import faces, flow
from data_builders.simulation import film
from data_builders.simulation.anatomy import FRAME_SIZE
from data_builders.simulation.options import SimulatedOptions
from data_builders.sources import simulated
from ethnicmer_jax.base import cli

_CLIPS = flags.DEFINE_integer("clips", 41, "How many clips to look at.", lower_bound=1)
_SIZE = flags.DEFINE_integer("crop_size", BuildOptions().crop_size, "Side of the crops, pixels.")
_RESULTS = flags.DEFINE_string("results", "benchmarks/RESULTS.md", "File to append to.")

_BORDER = 12
"""Pixels of a crop's border that are left out: what moves in over it is not seen at onset."""

_MOVING = 0.3
"""Share of the highest skin motion of a clip from which a pixel counts as moving."""


class Truth(NamedTuple):
    """One clip: grey crops [H, W], true flow [H, W, 2] in pixels, moving pixels [H, W]."""

    onset: np.ndarray
    apex: np.ndarray
    motion: np.ndarray
    moving: np.ndarray


def main() -> None:
    """Measures all methods."""
    table = results.Table.opened(_RESULTS.value, "Optical flow against the true motion")
    drawn = [task.motion for task in simulated.list_clips(SimulatedOptions()).tasks]
    spread = drawn[:: max(1, len(drawn) // _CLIPS.value)][: _CLIPS.value]
    clips = [_truth(clip) for clip in spread if isinstance(clip, simulated.DrawnClip)]
    onsets, apexes = np.stack([c.onset for c in clips]), np.stack([c.apex for c in clips])
    found = {name: flow.compute_many(onsets, apexes, name) for name in flow.METHODS}
    found["tvl1 of scikit-image"] = np.stack([by_skimage(c.onset, c.apex) for c in clips])
    for name, flows in found.items():
        figures = _figures(clips, flows, found["tvl1 of scikit-image"])
        table.add(_cells(name, clips, figures))


def _truth(clip: simulated.DrawnClip) -> Truth:
    options = BuildOptions(crop_size=_SIZE.value).faces()
    pair = faces.crop_pair(*clip.read(), options)
    axis = np.arange(FRAME_SIZE, dtype=np.float64)
    skin = np.linalg.norm(film.skin_motion(clip.spec, axis, axis), axis=-1)
    size = (options.size, options.size)
    motion, moved = (
        cv2.warpAffine(field.astype(np.float32), pair.transform, size)
        for field in (film.displacement(clip.spec, clip.spec.apex), skin)
    )
    inner = np.zeros(size, bool)
    inner[_BORDER:-_BORDER, _BORDER:-_BORDER] = True
    return Truth(
        flow.grey(pair.onset),
        flow.grey(pair.apex),
        motion @ pair.transform[:, :2].T,
        inner & (moved >= _MOVING * moved[inner].max()),
    )


def _figures(
    clips: Sequence[Truth], flows: np.ndarray, reference: np.ndarray
) -> Mapping[str, float]:
    """End-point errors in pixels, over all clips; correlations, one for each clip."""
    inner = np.s_[:, _BORDER:-_BORDER, _BORDER:-_BORDER]
    error = np.linalg.norm(flows - np.stack([clip.motion for clip in clips]), axis=-1)
    moving = np.stack([clip.moving for clip in clips])
    apart = np.linalg.norm(flows - reference, axis=-1)[inner]
    agreement = [
        np.corrcoef(uv[clip.moving].ravel(), clip.motion[clip.moving].ravel())[0, 1]
        for uv, clip in zip(flows, clips, strict=True)
    ]
    return {
        "face": float(np.median(error[inner])),
        "face, 99%": float(np.quantile(error[inner], 0.99)),
        "moving": float(np.median(error[moving])),
        "moving, 99%": float(np.quantile(error[moving], 0.99)),
        "correlation": float(np.median(agreement)),
        "lowest correlation": float(np.min(agreement)),
        "from scikit-image": float(np.median(apart)),
        "from scikit-image, 99%": float(np.quantile(apart, 0.99)),
    }


def _cells(name: str, clips: Sequence[Truth], figures: Mapping[str, float]) -> list[str]:
    cells = [results.today(), name, f"{len(clips)} clips, {_SIZE.value} px"]
    return cells + [
        f"{value:.1e}" if "scikit" in column else f"{value:.3f}"
        for column, value in figures.items()
    ]


if __name__ == "__main__":
    cli.run(main)
