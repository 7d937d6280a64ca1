"""TV-L1 optical flow in JAX: the duality-based method of Zach, Pock and Bischof (2007).

It looks for the flow w that minimises, over the image,

    ATTACHMENT |moved(x + w) - onset(x)|  +  |∇u| + |∇v|

by turns: a step on the data term, which has a closed form at every pixel, then steps on the
dual of the total variation (Chambolle 2004); TIGHTNESS couples the two. Pyramid, parameters and
the order of the steps are those of scikit-image's `optical_flow_tvl1`, whose flow it reproduces to
some 1e-5 px (tests/test_pixels_tvl1.py). Instead of stopping below a tolerance, which face crops
never reach, it iterates a fixed number of times: the work is known when it is compiled.

References:
  C. Zach, T. Pock, H. Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow",
  DAGM 2007; A. Wedel et al., "An Improved Algorithm for TV-L1 Optical Flow", 2009;
  J. Sánchez, E. Meinhardt-Llopis, G. Facciolo, "TV-L1 Optical Flow Estimation", IPOL 2013.
"""

from __future__ import annotations

import concurrent.futures
import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, UInt8

ATTACHMENT = 15.0
"""Weight of the data term (λ): the smaller, the smoother the flow."""

TIGHTNESS = 0.3
"""How far data term and regularisation may be apart (θ)."""

WARPS = 5
"""Linearisations of the data term at each level of the pyramid."""

ITERATIONS = 10
"""Steps on the data term after each linearisation."""

DUAL_STEPS = 2
"""Steps on the dual variable after each of them."""

STEP = 0.25
"""Step of the dual variable (τ), 1/4 at most for images (Chambolle 2004)."""

COARSEST = 32
"""The pyramid ends with the first level whose smaller side is at most this long, pixels."""

MAX_LEVELS = 10

TOGETHER = 32
"""Pairs that an accelerator solves side by side. A CPU takes them one by one: the arrays of one
pair of 224 px fit into its cache, those of eight do not, which costs two fifths of the speed."""


def solve_many(onset: np.ndarray, moved: np.ndarray, threads: int = 1) -> np.ndarray:
    """Flow of any number of pairs of frames.

    Every call runs the same compiled program, on a batch of the same length, filled up where
    pairs are lacking: the flow of a pair does not depend on the pairs it is computed with.

    Args:
      onset: uint8 [pairs, H, W], grey; H and W at least 2.
      moved: uint8 [pairs, H, W], grey.
      threads: pairs that a CPU works on at the same time.

    Returns:
      float32 [pairs, H, W, 2], the displacement (u, v) in pixels.
    """
    size = 1 if jax.default_backend() == "cpu" else TOGETHER
    batches = list(_batches(onset, moved, size))
    if threads < 2 or len(batches) < 2:
        solved = [np.asarray(solve(*batch)) for batch in batches]
    else:
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            solved = list(pool.map(lambda batch: np.asarray(solve(*batch)), batches))
    return np.concatenate(solved)[: len(onset)]


def _batches(
    onset: np.ndarray, moved: np.ndarray, size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pairs in batches of one length; the last one is filled up with its last pair."""
    for start in range(0, len(onset), size):
        pair = onset[start : start + size], moved[start : start + size]
        lacking = [(0, size - len(pair[0])), (0, 0), (0, 0)]
        yield np.pad(pair[0], lacking, "edge"), np.pad(pair[1], lacking, "edge")


@jax.jit
def solve(
    onset: UInt8[Array, "batch height width"], moved: UInt8[Array, "batch height width"]
) -> Float[Array, "batch height width 2"]:
    """Flow of a batch of pairs of grey frames, compiled for its shape; see `solve_many`."""
    first, second = (frames.astype(jnp.float32) / jnp.float32(255) for frames in (onset, moved))
    return jax.vmap(_coarse_to_fine)(first, second)


def _coarse_to_fine(
    onset: Float[Array, "height width"], moved: Float[Array, "height width"]
) -> Float[Array, "height width 2"]:
    levels = [(onset, moved)]
    while min(levels[-1][0].shape) > COARSEST and len(levels) < MAX_LEVELS:
        levels.append((_halved(levels[-1][0]), _halved(levels[-1][1])))
    flow = jnp.zeros((2, *levels[-1][0].shape), jnp.float32)
    for first, second in reversed(levels):
        flow = _level(first, second, _enlarged(flow, first.shape))
    return jnp.moveaxis(flow, 0, -1)


def _level(
    onset: Float[Array, "height width"],
    moved: Float[Array, "height width"],
    flow: Float[Array, "2 height width"],
) -> Float[Array, "2 height width"]:
    """Improves a flow (u, v) at one level of the pyramid."""

    def warp_and_solve(_, state):
        flow, dual = state
        warped = _warped(moved, flow)
        gradient = jnp.stack([jnp.gradient(warped, axis=1), jnp.gradient(warped, axis=0)])
        # The difference of the images, linear in the flow: rest + gradient · flow.
        rest = warped - onset - _dot(gradient, flow)
        return _solve_linear(rest, gradient, flow, dual)

    dual = jnp.zeros_like(flow), jnp.zeros_like(flow)
    return lax.fori_loop(0, WARPS, warp_and_solve, (flow, dual))[0]


def _solve_linear(rest, gradient, flow, dual):
    """The linearised problem: ITERATIONS steps on data term and total variation.

    Args:
      rest: float32 [H, W], difference of the images without flow.
      gradient: float32 [2, H, W], of the warped image along x and y.
      flow: float32 [2, H, W].
      dual: two float32 [2, H, W], the dual variable along x and along y for each of (u, v).

    Returns:
      flow and dual, improved.
    """
    norm = _dot(gradient, gradient)
    per_norm = 1 / jnp.where(norm == 0, 1, norm)
    limit = ATTACHMENT * TIGHTNESS

    def iteration(_, state):
        flow, dual = state
        # Thresholding (Zach et al., equation 15), its three cases in one: along the gradient
        # until the images agree, by `limit` gradients at most.
        difference = rest + _dot(gradient, flow)
        target = flow - jnp.clip(difference * per_norm, -limit, limit) * gradient
        return _smoothed(target, flow, dual)

    return lax.fori_loop(0, ITERATIONS, iteration, (flow, dual))


def _smoothed(target, flow, dual):
    """Steps on the dual of min |∇flow| + |flow - target|² / (2 TIGHTNESS).

    Returns:
      flow [2, H, W] and dual, as in `_solve_linear`.
    """

    def step(_, state):
        flow, (along_x, along_y) = state
        x, y = _forward(flow, 2), _forward(flow, 1)
        length = 1 + STEP / TIGHTNESS * jnp.sqrt(x**2 + y**2)
        along_x, along_y = (along_x - STEP * x) / length, (along_y - STEP * y) / length
        return target - (_backward(along_x, 2) + _backward(along_y, 1)), (along_x, along_y)

    return lax.fori_loop(0, DUAL_STEPS, step, (target, dual))


def _dot(first, second):
    """Product of two vectors at every pixel; a sum over an axis would be five times as slow."""
    return first[0] * second[0] + first[1] * second[1]


def _forward(field, axis: int):
    """Differences to the next pixel along an axis, 0 at the end."""
    lacking = [(0, int(i == axis)) for i in range(field.ndim)]
    return jnp.pad(jnp.diff(field, axis=axis), lacking)


def _backward(field, axis: int):
    """Differences to the previous pixel along an axis, which is 0 before the first.

    The negative adjoint of `_forward`, for fields that are 0 at the end.
    """
    shift = [(int(i == axis), -int(i == axis), 0) for i in range(field.ndim)]
    return field - lax.pad(field, jnp.float32(0), shift)


def _warped(image, flow):
    """The image [H, W] seen along the flow [2, H, W]: bilinear, border pixels repeated."""
    height, width = image.shape
    x = jnp.clip(jnp.arange(width, dtype=jnp.float32)[None, :] + flow[0], 0, width - 1)
    y = jnp.clip(jnp.arange(height, dtype=jnp.float32)[:, None] + flow[1], 0, height - 1)
    left = jnp.minimum(jnp.floor(x), width - 2)
    top = jnp.minimum(jnp.floor(y), height - 2)
    corner = (top * width + left).astype(jnp.int32)
    flat = image.reshape(-1)

    def row(offset):
        here, there = (
            flat.at[corner + offset + side].get(mode="promise_in_bounds") for side in (0, 1)
        )
        return here * (1 - (x - left)) + there * (x - left)

    return row(0) * (1 - (y - top)) + row(width) * (y - top)


def _halved(image: Float[Array, "height width"]) -> Float[Array, "half_height half_width"]:
    rows, columns = (_halving(side) for side in image.shape)
    return jnp.linalg.multi_dot([rows, image, columns.T], precision="highest")


@functools.cache
def _halving(size: int) -> np.ndarray:
    """Smooths and halves a line of pixels: float32 [ceil(size / 2), size].

    A Gaussian of 2/3 px, cut off at 4 deviations, then linear interpolation at the middle of
    every new pixel; the line goes on as its mirror image.
    """
    deviation, half = 2 / 3, -(-size // 2)
    reach = round(4 * deviation)
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / deviation) ** 2)
    smoothing = np.zeros((size, size))
    for i in range(size):
        mirrored = (i + offsets) % (2 * size)
        np.add.at(smoothing[i], np.minimum(mirrored, 2 * size - 1 - mirrored), weights)
    centres = (np.arange(half) + 0.5) * size / half - 0.5
    distance = np.abs(centres[:, None] - np.arange(size))
    resampling = np.maximum(0, 1 - distance)
    return (resampling @ smoothing / weights.sum()).astype(np.float32)


def _enlarged(flow, shape: tuple[int, int]):
    """A coarser level's flow [2, h, w] at a finer one [2, H, W]: nearest pixel, scaled."""
    rows, columns = (
        np.floor(np.linspace(0, small - 1, large) + 0.5).astype(int)
        for small, large in zip(flow.shape[1:], shape, strict=True)
    )
    scale = np.array([shape[1] / flow.shape[2], shape[0] / flow.shape[1]], np.float32)
    return flow[:, rows[:, None], columns] * scale[:, None, None]
