"""What a flow method, on what a camera saw, makes of the true motion on a crop.

For `simulated.draw_motion_fields`, which draws no frames: what is left of the head's movement,
lids that close, uneven and smooth errors, and the flat patches with sharp edges that the total
variation in TV-L1 leaves. Its strengths are options of the simulator, all 0 by default.
"""

from __future__ import annotations

import cv2
import numpy as np

from data_builders.pixels import flow
from data_builders.simulation import nuisance
from data_builders.simulation.anatomy import SIDES
from data_builders.simulation.drawing import head_outline
from data_builders.simulation.options import SimulatedOptions
from data_builders.simulation.scenario import ClipSpec
from ethnicmer_jax.base.crop import CropGeometry

FINER = 2
"""Cells of the estimate in one of the record, along a side, where it is regularised."""

_ROUNDS = 40
_STEP = 0.248
"""Of Chambolle's iteration; it converges up to 1/4."""

_ROUGH = 1.5
"""Standard deviation of the Gaussian that smooths unevenness, in 28ths of the crop."""

_CELLS = 28
"""Cells a side that lengths are told in."""

_EYE = (0.28, 0.15)
"""Half axes of the largest part of a face that a closing lid moves, in face units."""


def seen(
    true: np.ndarray, spec: ClipSpec, options: SimulatedOptions, crop: CropGeometry
) -> np.ndarray:
    """The estimate of one clip.

    Args:
      true: float32 [S, S, 2], motion without the head's, in cells.
      spec: the clip.
      options: `blinks`, `residual`, `roughness` and `regularised` are looked at.
      crop: where the pupils lie.

    Returns:
      float32 [S, S, 2] in cells; `true` itself where nothing is to be changed.
    """
    size = len(true)
    rng = np.random.default_rng([spec.noise, 1])
    head, lids, rough = (np.random.default_rng(rng.integers(2**63)) for _ in range(3))
    found = true
    if options.blinks > 0:
        found = found + lid_motion(spec, size, crop, lids)
    if options.residual > 0:
        found = found + options.residual * size / 100 * head_left(head, spec, size, crop)
    if options.roughness > 0:
        unevenness = smooth_error(rough, size, _ROUGH * size / _CELLS)
        found = found * np.exp(np.float32(options.roughness) * unevenness)
    if options.regularised > 0:
        strength = options.regularised * size / 100 * size / _CELLS
        found = regularised(found, strength)
    return found


def smooth_error(
    rng: np.random.Generator, size: int, length: float, spread: float = 0.0
) -> np.ndarray:
    """Smooth noise [size, size, 2] of unit deviation.

    Args:
      rng: of the clip.
      size: height and width.
      length: standard deviation of the Gaussian that smooths it, in cells.
      spread: standard deviation of the log of its level over places four such lengths apart.
    """
    white = rng.standard_normal((size, size, 2), dtype=np.float32)
    # A Gaussian filter divides white noise's deviation by 2 sigma sqrt(pi).
    error = cv2.GaussianBlur(white, (0, 0), length) * np.float32(2.0 * length * np.sqrt(np.pi))
    if spread == 0:
        return error
    level = smooth_error(rng, size, 4 * length)[..., :1]
    return error * np.exp(spread * level).astype(np.float32)


def as_image(uv: np.ndarray, size: int, bits: int) -> np.ndarray:
    """An estimate as an image keeps it.

    Args:
      uv: float32 [S, S, 2] in cells; S a multiple of size.
      size: of the image. Its cells are picked from those of the estimate, not means, so that
        optical strain keeps thin lines.
      bits: of the image.

    Returns:
      float32 [size, size, 3], u, v and optical strain, each over its own range, 0 to 1.
    """
    every = len(uv) // size
    record = np.dstack([uv, flow.optical_strain(uv)])
    if every > 1:
        record = cv2.GaussianBlur(record, (3, 3), 0.45)[every // 2 :: every, every // 2 :: every]
    steps = 2**bits - 1
    low, high = record.min((0, 1)), record.max((0, 1))
    shares = (record - low) / np.maximum(high - low, 1e-12)
    return (np.round(steps * shares) / steps).astype(np.float32)


def places(size: int, crop: CropGeometry) -> tuple[np.ndarray, np.ndarray]:
    """X and y [size, size] of a crop's cells, in face units."""
    cells = (np.arange(size) + 0.5) / size
    x, y = (cells - 0.5) / crop.distance, (cells - crop.height) / crop.distance
    return np.meshgrid(x, y)


def lid_motion(
    spec: ClipSpec, size: int, crop: CropGeometry, rng: np.random.Generator
) -> np.ndarray:
    """What upper lids that have gone down or up between onset and apex move: [size, size, 2]."""
    shut, before = (
        nuisance.closed(spec.nuisance, seconds)
        for seconds in ((spec.apex - spec.onset) / spec.fps, 0.0)
    )
    field = np.zeros((size, size, 2), np.float32)
    if shut == before:
        return field
    x, y = places(size, crop)
    face = spec.subject.person.anatomy
    way = 2 * face.eye_height * (shut - before) * crop.distance * size
    both = rng.uniform(0.1, 0.6)  # of what a lid does: it covers the eye, and pushes little
    for sign in SIDES.values():
        part = both * rng.uniform(0.8, 1.25)
        wide, high = rng.uniform(0.7, 1.0, 2)
        apart = (x / sign - 0.5) ** 2 / (wide * _EYE[0]) ** 2 + (y / (high * _EYE[1])) ** 2
        field[..., 1] += part * way * np.clip(1.5 * (1 - apart), 0, 1)
    return field


def head_left(
    rng: np.random.Generator, spec: ClipSpec, size: int, crop: CropGeometry
) -> np.ndarray:
    """What is left of the head's movement: [size, size, 2] of about unit deviation.

    A shift, a turn in the image, nearing, and turns out of it, which move what is near the
    camera more. The background stays where it was, as far as there is texture to see it.
    """
    x, y = places(size, crop)
    middle = crop.centre[1]
    across, along = x / crop.half_side, (y - middle) / crop.half_side
    depth = 0.5 - 0.5 * (across**2 + along**2)
    shift, turn, (near, aside, nod) = rng.normal(size=2), rng.normal(), rng.normal(size=3)
    u = shift[0] + near * across - turn * along + aside * depth
    v = shift[1] + near * along + turn * across + nod * depth
    beside = rng.uniform() * (1 - on_head(spec, size, crop))
    return (np.dstack([u, v]) * (1 - beside)).astype(np.float32)


def on_head(spec: ClipSpec, size: int, crop: CropGeometry) -> np.ndarray:
    """1 on the head, 0 beside it: float32 [size, size, 1]."""
    outline = crop.to_crop(head_outline(spec.subject.person.anatomy)) * size - 0.5
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    return mask[..., None].astype(np.float32)


def regularised(field: np.ndarray, strength: float) -> np.ndarray:
    """The field of least total variation near a field (Rudin, Osher and Fatemi 1992).

    Solved by Chambolle's (2004) projection, u and v apart.

    Args:
      field: float32 [H, W, 2].
      strength: of the total variation, in the field's unit times cells.

    Returns:
      float32 [H, W, 2] with the same mean.
    """
    across, along = np.zeros((2, *field.shape), np.float32)
    scaled = field / np.float32(strength)
    for _ in range(_ROUNDS):
        rest = _divergence(across, along) - scaled
        right, down = _gradient(rest)
        norm = 1 + _STEP * np.sqrt(right**2 + down**2)
        across, along = (across + _STEP * right) / norm, (along + _STEP * down) / norm
    return field - np.float32(strength) * _divergence(across, along)


def _gradient(field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Forward differences to the right and down, 0 at the last cell."""
    right, down = np.zeros_like(field), np.zeros_like(field)
    right[:, :-1] = field[:, 1:] - field[:, :-1]
    down[:-1] = field[1:] - field[:-1]
    return right, down


def _divergence(across: np.ndarray, along: np.ndarray) -> np.ndarray:
    """The negative adjoint of `_gradient`."""
    total = across + along
    total[:, 1:] -= across[:, :-1]
    total[1:] -= along[:-1]
    return total
