"""Convolution and max pooling: XLA's own on accelerators, other forms of the same on CPUs.

XLA's CPU backend computes convolutions fast in one form only: images [batch, H, W, C], kernels
[rows, columns, C, features], nothing dilated. Outside of loops it brings others into that form;
inside a loop, which an epoch is, it runs them a hundred times slower (github.com/jax-ml/jax/issues/
12868), and those are the gradients. It is also slow at the vmap over kernels, at depthwise
convolutions and at the backward pass of max pooling. The CPU versions compute the same functions
with the same gradients, 3×3 convolutions of many channels in Winograd's form;
`benchmarks/step_vs_torch.py` measures them.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import jax
import jax.custom_batching
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jaxtyping import Float, Int8

from ethnicmer_jax.models import winograd
from ethnicmer_jax.models.shapes import Array, FeatureMap

Pads = tuple[tuple[int, int], ...]
Sides = tuple[int, int]
Kernel: TypeAlias = Float[Array, "rows columns inputs features"]
Pooled: TypeAlias = Float[Array, "batch new_height new_width channels"]
Winner: TypeAlias = Int8[Array, "batch new_height new_width channels"]

_products_alone = contextvars.ContextVar("products_alone", default=False)


@contextlib.contextmanager
def products_alone() -> Iterator[None]:
    """Within it, what is traced for CPUs holds products alone.

    XLA counts the operations of a convolution without those on zero padding, of a product with
    them, as published counts do.
    """
    before = _products_alone.set(True)
    try:
        yield
    finally:
        _products_alone.reset(before)


def convolve(
    lhs: FeatureMap,
    rhs: Kernel,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    **others: Any,
) -> Float[Array, "batch new_height new_width features"]:
    """`lax.conv_general_dilated` of [batch, H, W, C] images as `nn.Conv` calls it.

    Args:
      lhs: the images.
      rhs: what slides over them; one input channel for a depthwise convolution.
      window_strides: of rows and columns.
      padding: "SAME", "VALID" or pairs (before, after).
      **others: the further arguments of `lax.conv_general_dilated`.
    """
    if jax.default_backend() != "cpu":
        return lax.conv_general_dilated(lhs, rhs, window_strides, padding, **others)
    return convolve_on_cpu(lhs, rhs, window_strides, padding, **others)


def convolve_on_cpu(
    lhs: FeatureMap,
    rhs: Kernel,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    *,
    feature_group_count: int = 1,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    **_: Any,
) -> Float[Array, "batch new_height new_width features"]:
    """`convolve` as it is computed on a CPU.

    Raises:
      ValueError: a dilated image, or a convolution of several groups that is not depthwise.
    """
    if any(step != 1 for step in lhs_dilation or ()):
        raise ValueError("convolutions of dilated images are not implemented")
    if any(step != 1 for step in rhs_dilation or ()):
        # A dilated kernel is a larger one with zeros between its values.
        gaps = [(0, 0, step - 1) for step in rhs_dilation or ()]
        rhs = lax.pad(rhs, jnp.zeros((), rhs.dtype), (*gaps, (0, 0, 0), (0, 0, 0)))
    strides = tuple(window_strides)
    pads = _pads(lhs.shape, rhs.shape[:2], strides, padding)
    if feature_group_count == 1:
        if _filters(lhs, rhs, strides, pads):
            return winograd.convolve(lhs, rhs, pads)
        if _pays(lhs, rhs):
            return _convolution(lhs, rhs, strides, pads)
        return _product(lhs, rhs, strides, pads)
    if not feature_group_count == lhs.shape[-1] == rhs.shape[-1]:
        raise ValueError("only convolutions of one group, or depthwise ones, are implemented")
    return _depthwise(lhs, rhs, strides, pads)


def _filters(x: FeatureMap, kernel: Kernel, strides: Sequence[int], pads: Pads) -> bool:
    """Whether Winograd's form is faster than others: with many channels (timed: 64 and more)."""
    if _products_alone.get() or kernel.shape[:2] != (3, 3) or tuple(strides) != (1, 1):
        return False
    fits = all(0 <= zeros <= 2 for pad in pads for zeros in pad)
    return fits and x.dtype == jnp.float32 and min(x.shape[1:3]) > 2 and min(kernel.shape[2:]) >= 32


def _pays(x: FeatureMap, kernel: Kernel) -> bool:
    """Whether XLA's convolution is faster than a product.

    It is a hundred times slower on maps that are smaller than the kernel, and no faster on small
    maps of many channels, whose kernels are most of the work (measured at 1 to 56 px).
    """
    if _products_alone.get():
        return False
    (rows, columns), wide = x.shape[1:3], kernel.shape[:2]
    large = rows >= wide[0] and columns >= wide[1]
    return wide != (1, 1) and large and 2 * rows * columns >= x.shape[3]


# Recomputed in the backward pass: what is laid out is h·w times as large as the image.
@functools.partial(jax.checkpoint, static_argnums=(2, 3))
def _product(
    x: FeatureMap, kernel: Kernel, strides: Sides, pads: Pads
) -> Float[Array, "batch new_height new_width features"]:
    """What the kernel sees, laid out in rows, times the kernel."""
    seen = jnp.concatenate(_slices(x, kernel.shape[:2], strides, pads, 0), axis=-1)
    product = seen.reshape(-1, seen.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    return product.reshape(*seen.shape[:3], -1)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _convolution(
    x: FeatureMap, kernel: Kernel, strides: Sides, pads: Pads
) -> Float[Array, "batch new_height new_width features"]:
    """XLA's convolution, with gradients in forms that XLA is fast in."""
    return _correlation(strides, pads)(x, kernel)


def _convolution_forward(
    x: FeatureMap, kernel: Kernel, strides: Sides, pads: Pads
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _correlation(strides, pads)(x, kernel), (x, kernel)


def _convolution_backward(
    strides: Sides, pads: Pads, residuals: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = residuals
    return (
        _image_gradient(x, kernel, strides, pads, gradient),
        _kernel_gradient(x, kernel.shape[:2], strides, pads, gradient),
    )


_convolution.defvjp(_convolution_forward, _convolution_backward)


def _image_gradient(
    x: jax.Array, kernel: jax.Array, strides: Sides, pads: Pads, gradient: jax.Array
) -> jax.Array:
    window = kernel.shape[:2]
    if strides != (1, 1):
        _, pull_back = jax.vjp(lambda x: _slices(x, window, strides, pads, 0), x)
        (d_x,) = pull_back([gradient @ tap.T for tap in kernel.reshape(-1, *kernel.shape[2:])])
        return d_x
    # The gradient under the kernel turned by half a turn. The barrier keeps XLA from undoing it.
    turned = lax.optimization_barrier(kernel[::-1, ::-1].swapaxes(2, 3))
    around = tuple(
        (wide - 1 - before, wide - 1 - after)
        for wide, (before, after) in zip(window, pads, strict=True)
    )
    return _correlation((1, 1), around)(gradient, turned)


def _kernel_gradient(
    x: jax.Array, window: Sides, strides: Sides, pads: Pads, gradient: jax.Array
) -> jax.Array:
    rows, columns = gradient.shape[1:3]
    if strides != (1, 1) and rows * columns >= _LARGE:
        return _kernel_gradient_by_image(x, window, strides, pads, gradient)
    # Channels as examples, under the gradient as one large kernel, dilated where windows lie apart.
    # The last rows may be in no window: then they are cut off.
    reached = [
        (before, (count - 1) * step + wide - size - before, 0)
        for size, count, wide, step, (before, _) in zip(
            x.shape[1:3], (rows, columns), window, strides, pads, strict=True
        )
    ]
    seen = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *reached, (0, 0, 0)))
    channels, large = lax.optimization_barrier(
        (seen.transpose(3, 1, 2, 0), gradient.transpose(1, 2, 0, 3))
    )
    valid = ((0, 0), (0, 0))
    return _correlation((1, 1), valid, strides)(channels, large).transpose(1, 2, 0, 3)


_LARGE = 784
"""Places of a map, 28×28, from which on a product for each image is taken.

Timed: a layer of 28×28 took 19 ms, and 42 in the dilated form; a stem of 32×32 took 4.0 and 2.7.
"""


def _kernel_gradient_by_image(
    x: jax.Array, window: Sides, strides: Sides, pads: Pads, gradient: jax.Array
) -> jax.Array:
    """What the kernel sees of one image after the other, times the gradient."""

    def add(total: jax.Array, one: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        seen = jnp.concatenate(_slices(one[0][None], window, strides, pads, 0), axis=-1)
        return total + winograd.outer(seen, one[1]), None

    channels, features = x.shape[3], gradient.shape[3]
    zeros = jnp.zeros((window[0] * window[1] * channels, features), x.dtype)
    total, _ = lax.scan(add, zeros, (x, gradient))
    return total.reshape(*window, channels, features)


@functools.cache
def _correlation(
    strides: Sides, pads: Pads, dilation: Sides = (1, 1)
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """XLA's convolution; folds with kernels of their own go one after the other."""

    @jax.custom_batching.custom_vmap
    def correlate(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(
            x,
            kernel,
            strides,
            pads,
            rhs_dilation=dilation,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    @correlate.def_vmap
    def one_by_one(folds: int, batched: list[bool], *operands: jax.Array) -> tuple[jax.Array, bool]:
        each = tuple(
            own if there else jnp.broadcast_to(own, (folds, *own.shape))
            for own, there in zip(operands, batched, strict=True)
        )
        return lax.map(lambda one: correlate(*one), each), True

    return correlate


# Recomputed, too.
@functools.partial(jax.checkpoint, static_argnums=(2, 3))
def _depthwise(
    x: FeatureMap, kernel: Float[Array, "rows columns 1 channels"], strides: Sides, pads: Pads
) -> Pooled:
    slices = _slices(x, kernel.shape[:2], strides, pads, 0)
    return functools.reduce(
        operator.add,
        (part * tap for part, tap in zip(slices, kernel.reshape(-1, x.shape[-1]), strict=True)),
    )


Conv = functools.partial(nn.Conv, conv_general_dilated=convolve)
"""`nn.Conv` through `convolve`."""


def max_pool(
    x: FeatureMap,
    window: Sides,
    strides: Sides,
    padding: str | Sequence[tuple[int, int]] = "VALID",
) -> Pooled:
    """`nn.max_pool` of [batch, H, W, C]; of equal values the first takes the gradient."""
    if jax.default_backend() != "cpu":
        return nn.max_pool(x, window, strides, padding)
    return max_pool_by_slices(x, window, strides, _pads(x.shape, window, strides, padding))


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def max_pool_by_slices(x: FeatureMap, window: Sides, strides: Sides, pads: Pads) -> Pooled:
    """`max_pool` as it is computed on a CPU; `pads` are pairs (before, after)."""
    return functools.reduce(jnp.maximum, _slices(x, window, strides, pads, -jnp.inf))


def _pool_forward(
    x: FeatureMap, window: Sides, strides: Sides, pads: Pads
) -> tuple[Pooled, tuple[Winner, FeatureMap]]:
    # The winner's place is kept: XLA may compute x again for the backward pass and round it
    # otherwise, so that comparing values there would find no winner.
    first, *others = _slices(x, window, strides, pads, -jnp.inf)
    pooled, winner = first, jnp.zeros(first.shape, jnp.int8)
    for place, values in enumerate(others, start=1):
        winner = jnp.where(values > pooled, jnp.int8(place), winner)
        pooled = jnp.maximum(pooled, values)
    return pooled, (winner, x)  # of x only the shape is read


def _pool_backward(
    window: Sides,
    strides: Sides,
    pads: Pads,
    residuals: tuple[Winner, FeatureMap],
    gradient: Pooled,
) -> tuple[FeatureMap]:
    winner, x = residuals
    shares = [jnp.where(winner == place, gradient, 0) for place in range(window[0] * window[1])]
    _, pull_back = jax.vjp(lambda x: _slices(x, window, strides, pads, -jnp.inf), x)
    return pull_back(shares)


max_pool_by_slices.defvjp(_pool_forward, _pool_backward)


def _slices(x: FeatureMap, window: Sides, strides: Sides, pads: Pads, fill: float) -> list[Pooled]:
    """The values at every place of the sliding window."""
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)), constant_values=fill)
    rows, columns = (
        [slice(start, start + size - wide + 1, step) for start in range(wide)]
        for size, wide, step in zip(x.shape[1:3], window, strides, strict=True)
    )
    return [x[:, row, column] for row in rows for column in columns]


def _pads(
    shape: tuple[Any, ...],
    window: Sequence[int],
    strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
) -> Pads:
    """Pairs (before, after); the number of images, `shape[0]`, may be symbolic in an export."""
    pairs = (
        lax.padtype_to_pads(shape[1:3], window, strides, padding)
        if isinstance(padding, str)
        else padding
    )
    return tuple((int(before), int(after)) for before, after in pairs)
