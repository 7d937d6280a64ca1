"""3×3 convolutions of stride 1 on CPUs, with 16 multiplications instead of 36.

Winograd's minimal filtering F(2×2, 3×3): sums and differences of a tile of 4×4 pixels are
multiplied by sums of the kernel, 16 matrix products over all tiles, whose own sums and differences
are the 2×2 pixels of the result. The gradients are computed in the same way, that of the kernel
within the sums. Scores of whole networks stay within the bounds of tests/test_parity_forward.py.

Reference: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016, section
4.1.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

from ethnicmer_jax.models.shapes import Array, FeatureMap

Pads: TypeAlias = tuple[tuple[int, int], ...]
Grid: TypeAlias = list[list[jax.Array]]
"""Arrays for the places of a tile: rows of columns."""
Kernel: TypeAlias = Float[Array, "3 3 inputs features"]

# The paper's B transposed, G and A transposed.
_OF_IMAGE = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
_OF_KERNEL = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
_OF_RESULT = ((1, 1, 1, 0), (0, 1, -1, -1))
_TILES = 1024
"""Tiles of a product: their sums stay within the cache, and no product has more rows to add up."""


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(
    x: FeatureMap, kernel: Kernel, pads: Pads
) -> Float[Array, "batch new_height new_width features"]:
    """A convolution of stride 1.

    Args:
      x: the images, float32; their number may be symbolic in an export.
      kernel: of 3×3 places.
      pads: zeros before and after the rows and the columns, 0 to 2.
    """
    return _convolved(x, kernel, pads)


def _forward(
    x: FeatureMap, kernel: Kernel, pads: Pads
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _convolved(x, kernel, pads), (x, kernel)


def _backward(
    pads: Pads, residuals: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = residuals
    around = tuple((2 - before, 2 - after) for before, after in pads)
    # Products add up features as the kernel lies: XLA is slow to lay it out anew.
    d_x = _convolved(gradient, kernel[::-1, ::-1], around, "nhwf,cf->nhwc")
    return d_x, _kernel_gradient(x, gradient, pads)


convolve.defvjp(_forward, _backward)


def _convolved(
    x: jax.Array, kernel: jax.Array, pads: Pads, product: str = "nhwc,cf->nhwf"
) -> jax.Array:
    rows, columns = (n + sum(pad) - 2 for n, pad in zip(x.shape[1:3], pads, strict=True))
    # The barrier keeps XLA from computing the sums again for every chunk.
    of_kernel = lax.optimization_barrier(_both_ways(_OF_KERNEL, [list(row) for row in kernel]))

    def convolved(images: jax.Array) -> jax.Array:
        of_images = _both_ways(_OF_IMAGE, _image_tiles(images, pads))
        products = [
            [jnp.einsum(product, *pair) for pair in zip(*both, strict=True)]
            for both in zip(of_images, of_kernel, strict=True)
        ]
        (a, b), (c, d) = _both_ways(_OF_RESULT, products)
        tiles = jnp.stack([jnp.stack([a, b], 3), jnp.stack([c, d], 3)], 2)
        n, high, _, wide, _, features = tiles.shape
        return tiles.reshape(n, 2 * high, 2 * wide, features)[:, :rows, :columns]

    chunks = _chunks(rows, columns, x)
    if len(chunks[0]) == 1:
        return convolved(x)
    return lax.map(convolved, *chunks).reshape(x.shape[0], rows, columns, -1)


def _kernel_gradient(x: jax.Array, gradient: jax.Array, pads: Pads) -> jax.Array:
    def add(total: Grid, chunk: tuple[jax.Array, jax.Array]) -> tuple[Grid, None]:
        images, gradients = chunk
        of_images = _both_ways(_OF_IMAGE, _image_tiles(images, pads))
        of_gradients = _both_ways(_transposed(_OF_RESULT), _result_tiles(gradients))
        products = [
            [outer(*pair) for pair in zip(*both, strict=True)]
            for both in zip(of_images, of_gradients, strict=True)
        ]
        return jax.tree.map(jnp.add, total, products), None

    chunks = _chunks(*gradient.shape[1:3], x, gradient)
    zeros = jnp.zeros((x.shape[3], gradient.shape[3]), x.dtype)
    nothing = [[zeros] * 4 for _ in range(4)]
    if len(chunks[0]) == 1:
        total, _ = add(nothing, (x, gradient))
    else:
        total, _ = lax.scan(add, nothing, chunks)
    return jnp.stack([jnp.stack(row) for row in _both_ways(_transposed(_OF_KERNEL), total)])


def outer(x: jax.Array, y: jax.Array) -> jax.Array:
    """[.., C] and [.., F] to [C, F], summed over all other axes.

    Written so that XLA does not lay out x anew, as it does for the same `einsum`.
    """
    flat = (x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1]))
    return lax.dot_general(*flat, (((0,), (0,)), ((), ())))


def _chunks(rows: int, columns: int, *arrays: jax.Array) -> tuple[jax.Array, ...]:
    """Images in chunks of equal size with no more than `_TILES` tiles, if one image has no more."""
    number: Any = arrays[0].shape[0]
    if not isinstance(number, int):
        return tuple(array[None] for array in arrays)
    most = max(1, _TILES // (-(-rows // 2) * -(-columns // 2)))
    size = max(n for n in range(1, min(most, number) + 1) if number % n == 0)
    return tuple(array.reshape(number // size, size, *array.shape[1:]) for array in arrays)


def _image_tiles(x: jax.Array, pads: Pads) -> Grid:
    """The pixels at each of the 4×4 places of all tiles, which overlap by 2."""
    sides = [-(-(n + sum(pad) - 2) // 2) for n, pad in zip(x.shape[1:3], pads, strict=True)]
    fill = [
        (before, 2 * side + 2 - before - n)
        for n, (before, _), side in zip(x.shape[1:3], pads, sides, strict=True)
    ]
    x = jnp.pad(x, ((0, 0), *fill, (0, 0)))
    rows, columns = ([slice(at, at + 2 * side - 1, 2) for at in range(4)] for side in sides)
    return [[x[:, row, column] for column in columns] for row in rows]


def _result_tiles(gradient: jax.Array) -> Grid:
    rows, columns = (n % 2 for n in gradient.shape[1:3])
    gradient = jnp.pad(gradient, ((0, 0), (0, rows), (0, columns), (0, 0)))
    return [[gradient[:, row::2, column::2] for column in range(2)] for row in range(2)]


Matrix: TypeAlias = Sequence[Sequence[float]]


def _both_ways(matrix: Matrix, grid: Grid) -> Grid:
    """The matrix, times the grid, times the matrix transposed."""
    columns = [_times(matrix, column) for column in zip(*grid, strict=True)]
    return [_times(matrix, row) for row in zip(*columns, strict=True)]


def _times(matrix: Matrix, arrays: Sequence[jax.Array]) -> list[jax.Array]:
    def scaled(factor: float, x: jax.Array) -> jax.Array:
        return x if factor == 1 else -x if factor == -1 else factor * x

    def sum_of(row: Sequence[float]) -> jax.Array:
        terms = (scaled(factor, x) for factor, x in zip(row, arrays, strict=True) if factor)
        return functools.reduce(jnp.add, terms)

    return [sum_of(row) for row in matrix]


def _transposed(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))
