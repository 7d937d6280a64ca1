"""A contact sheet of drawn flow, and of recorded flow for one's own eyes.

    python -m benchmarks.flow_sheet --drawn=realism=public --output=docs/figures/drawn-public.png

Twelve clips of each class: u, v and optical strain, each over its own range, as 8 bits.
"""

from __future__ import annotations

import pathlib

import cv2
import numpy as np
from absl import flags

from benchmarks import flow_features, flow_realism
from ethnicmer_jax.base import cli, files
from ethnicmer_jax.data.dataset import Dataset

_ACROSS = 4
_DOWN = 3
"""Clips of each class, side by side and above each other."""

_SCALE = 2
_GAP = 6


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string("drawn", "", "Settings of drawn clips: a=1;b=2.")
    flags.DEFINE_string("manifest", "", "CSV of recorded flow, shown in place of drawn flow.")
    flags.DEFINE_string("output", None, "PNG file to write.", required=True)


def main() -> None:
    """Draws the sheet."""
    given = flags.FLAGS
    clips = (
        flow_realism.recorded(pathlib.Path(given.manifest))
        if given.manifest
        else flow_realism.drawn(given.drawn)
    )
    _, encoded = cv2.imencode(".png", sheet(flow_realism.classed(clips)))
    files.write_bytes(pathlib.Path(given.output), encoded.tobytes())


def sheet(clips: Dataset) -> np.ndarray:
    """The picture: a block of rows for each class in its order.

    Args:
      clips: with flow [n, H, W, 3].

    Returns:
      uint8 [height, width], grey.
    """
    blocks = []
    for number in range(len(clips.emotion_names)):
        there = np.flatnonzero(clips.emotion == number)
        chosen = there[np.linspace(0, len(there) - 1, _ACROSS * _DOWN).astype(int)]
        tiles = [_tile(image) for image in flow_features.images(clips.flow[chosen])]
        rows = [np.hstack(tiles[i : i + _ACROSS]) for i in range(0, len(tiles), _ACROSS)]
        blocks.append(_framed(np.vstack(rows), _GAP))
    return np.vstack(blocks)


def _tile(image: np.ndarray) -> np.ndarray:
    """U, v and strain of a clip side by side."""
    levels = np.round(255 * image).astype(np.uint8)
    large = cv2.resize(levels, None, None, _SCALE, _SCALE, cv2.INTER_NEAREST)
    channels = [np.pad(large[..., c], 1, constant_values=128) for c in range(3)]
    return _framed(np.hstack(channels), _GAP // 2)


def _framed(picture: np.ndarray, width: int) -> np.ndarray:
    return np.pad(picture, width, constant_values=255)


if __name__ == "__main__":
    define_flags()
    cli.run(main)
