"""Winograd's form of 3×3 convolutions, against XLA's own convolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ethnicmer_jax.models import sliding, winograd

SAME = ((1, 1), (1, 1))


def drawn(height, width, channels=5, features=4, batch=3):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(batch, height, width, channels)), jnp.float32)
    return x, jnp.asarray(rng.normal(size=(3, 3, channels, features)), jnp.float32)


def with_gradients(function, x, kernel):
    @jax.jit
    def both(x, kernel):
        out, pull_back = jax.vjp(function, x, kernel)
        return out, *pull_back(jnp.sin(jnp.arange(out.size, dtype=out.dtype)).reshape(out.shape))

    return both(x, kernel)


def plain(pads):
    return lambda x, kernel: lax.conv_general_dilated(
        x, kernel, (1, 1), pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def assert_same(found, wanted, tolerance=2e-6):
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance * float(jnp.abs(theirs).max()))


@pytest.mark.parametrize(
    ("size", "pads", "tiles"),
    [
        ((6, 4), SAME, 1024),
        ((7, 5), SAME, 1),  # an image at a time
        ((5, 7), ((2, 0), (1, 2)), 1024),
    ],
    ids=str,
)
def test_it_has_the_values_and_gradients_of_the_convolution(size, pads, tiles, monkeypatch):
    monkeypatch.setattr(winograd, "_TILES", tiles)
    found = with_gradients(lambda x, k: winograd.convolve(x, k, pads), *drawn(*size))
    assert_same(found, with_gradients(plain(pads), *drawn(*size)))


def test_folds_with_kernels_of_their_own_are_vmapped():
    x, kernel = drawn(6, 6)
    kernels = jnp.stack([kernel, -2 * kernel])

    @jax.jit
    @jax.vmap
    def each(kernel):
        return winograd.convolve(x, kernel, SAME)

    assert_same(each(kernels), [plain(SAME)(x, kernel) for kernel in kernels])


def test_the_number_of_images_may_be_symbolic():
    x, kernel = drawn(6, 6)
    shape = jax.ShapeDtypeStruct((*jax.export.symbolic_shape("n"), *x.shape[1:]), x.dtype)
    exported = jax.export.export(jax.jit(lambda x: winograd.convolve(x, kernel, SAME)))(shape)
    assert_same([exported.call(x)], [plain(SAME)(x, kernel)])


@pytest.mark.parametrize(
    ("side", "channels", "dtype", "taken"),
    [
        (8, 32, jnp.float32, True),
        (2, 32, jnp.float32, False),  # most of a tile would be padding
        (8, 16, jnp.float32, False),  # sums would cost more than products
        (8, 32, jnp.bfloat16, False),  # sums would be rounded too much
    ],
)
def test_it_is_taken_where_it_is_faster_and_as_exact(side, channels, dtype, taken, monkeypatch):
    calls = []
    monkeypatch.setattr(winograd, "convolve", lambda x, *_: calls.append(x) or x)
    x, kernel = jnp.ones((1, side, side, channels), dtype), jnp.ones((3, 3, channels, 32), dtype)
    sliding.convolve_on_cpu(x, kernel, (1, 1), "SAME")
    assert bool(calls) == taken
