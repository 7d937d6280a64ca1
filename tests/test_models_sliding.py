"""Convolution and pooling as they are computed on CPUs, against XLA's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from ethnicmer_jax.models import sliding

NHWC = ("NHWC", "HWIO", "NHWC")
CONVOLUTIONS = {
    # height, channels in and out, kernel, stride, padding, depthwise
    "stem": (9, 3, 4, 7, 2, ((3, 3), (3, 3)), False),
    "strided": (8, 4, 6, 3, 2, ((1, 1), (1, 1)), False),
    "uneven": (7, 2, 3, 3, 2, ((0, 2), (1, 0)), False),
    "same": (8, 4, 5, 3, 1, "SAME", False),
    "same, strided": (7, 4, 5, 3, 2, "SAME", False),
    "strided, last rows unseen": (8, 4, 5, 3, 2, "VALID", False),
    "strided, large map": (57, 2, 3, 3, 2, ((1, 1), (1, 1)), False),
    "patches": (8, 3, 5, 4, 4, "VALID", False),
    "pointwise": (5, 3, 5, 1, 2, ((0, 0), (0, 0)), False),
    "depthwise": (8, 4, 4, 3, 1, ((1, 1), (1, 1)), True),
    "depthwise, strided": (9, 4, 4, 3, 2, ((1, 1), (1, 1)), True),
}
POOLS = {
    "overlapping": ((3, 3), (2, 2), ((1, 1), (1, 1))),
    "tiling": ((2, 2), (2, 2), "VALID"),
    "padded below": ((3, 3), (3, 3), "SAME"),
}


def with_gradients(function, *arguments):
    """The result, and the gradients of a fixed linear function of it."""

    @jax.jit
    def both(*arguments):
        out, pull_back = jax.vjp(function, *arguments)
        return out, pull_back(jnp.sin(jnp.arange(out.size, dtype=out.dtype)).reshape(out.shape))

    return both(*arguments)


def assert_same(found, wanted, tolerance=1e-5):
    # Sums of up to 147 products in another order: 1e-5 of the largest is float32's due.
    def close(a, b):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * float(jnp.abs(b).max()))

    jax.tree.map(close, found, wanted)


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_it_convolves_as_xla_does_with_the_same_gradients(case):
    height, channels, features, side, stride, padding, depthwise = CONVOLUTIONS[case]
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, height, height + 2, channels)), jnp.float32)
    shape = (side, side, 1 if depthwise else channels, features)
    kernel = jnp.asarray(rng.normal(size=shape), jnp.float32)

    def by(how):
        return lambda x, kernel: how(
            x,
            kernel,
            (stride, stride),
            padding,
            dimension_numbers=NHWC,
            feature_group_count=channels if depthwise else 1,
        )

    assert_same(
        with_gradients(by(sliding.convolve_on_cpu), x, kernel),
        with_gradients(by(lax.conv_general_dilated), x, kernel),
    )


def test_folds_with_kernels_of_their_own_are_vmapped():
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.normal(size=(2, 6, 6, 3)), jnp.float32)
    kernels = jnp.asarray(rng.normal(size=(5, 3, 3, 3, 4)), jnp.float32)

    def one(kernel):
        return with_gradients(lambda *a: sliding.convolve_on_cpu(*a, (1, 1), "SAME"), x, kernel)

    each = [one(kernel) for kernel in kernels]
    assert_same(jax.vmap(one)(kernels), jax.tree.map(lambda *leaves: jnp.stack(leaves), *each))


@pytest.mark.optimised
def test_all_convolutions_of_a_training_loop_have_the_form_that_xla_is_fast_in():
    x, kernel = jnp.zeros((2, 6, 6, 3)), jnp.zeros((3, 3, 3, 3))

    def step(_, x):
        def loss(x, kernel):
            return (sliding.convolve_on_cpu(x, kernel, (1, 1), "SAME") ** 2).sum()

        d_x, d_kernel = jax.grad(loss, (0, 1))(x, kernel)
        return x - d_x * d_kernel.sum()

    program = jax.jit(lambda x: jax.lax.fori_loop(0, 3, step, x)).lower(x).compile().as_text()
    made = [line for line in program.splitlines() if " convolution(" in line]
    assert len(made) >= 3
    assert all("dim_labels=b01f_01io->b01f" in line for line in made)
    assert not any("hs_dilate=" in line for line in made)


def test_what_no_network_here_needs_is_refused_rather_than_computed_wrong():
    x, kernel = jnp.zeros((1, 6, 6, 4)), jnp.zeros((3, 3, 2, 4))
    with pytest.raises(ValueError, match="one group"):
        sliding.convolve_on_cpu(x, kernel, (1, 1), "SAME", feature_group_count=2)
    with pytest.raises(ValueError, match="dilated"):
        sliding.convolve_on_cpu(x, jnp.zeros((3, 3, 4, 4)), (1, 1), "SAME", lhs_dilation=(2, 2))


@pytest.mark.parametrize("dilation", [2, 3])
def test_dilated_kernels_are_those_of_xla(dilation):
    rng = np.random.default_rng(2)
    x = jnp.asarray(rng.normal(size=(2, 9, 9, 3)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(3, 3, 3, 4)), jnp.float32)

    def by(how):
        return lambda x, kernel: how(
            x,
            kernel,
            (3, 3),
            ((dilation, dilation),) * 2,
            rhs_dilation=(dilation, dilation),
            dimension_numbers=NHWC,
        )

    assert_same(
        with_gradients(by(sliding.convolve_on_cpu), x, kernel),
        with_gradients(by(lax.conv_general_dilated), x, kernel),
    )


@pytest.mark.parametrize("case", POOLS)
@pytest.mark.parametrize("levels", [None, 2], ids=["distinct", "ties"])
def test_slices_pool_as_xla_does_with_the_same_gradients(case, levels):
    window, strides, padding = POOLS[case]
    x = np.random.default_rng(2).normal(size=(2, 9, 10, 3)).astype(np.float32)
    # Flat flow makes equal values in a window: the gradient must then go to the same one.
    x = jnp.asarray(x if levels is None else np.round(x * levels) / levels)
    found = with_gradients(lambda x: sliding.max_pool(x, window, strides, padding), x)
    wanted = with_gradients(lambda x: nn.max_pool(x, window, strides, padding), x)
    jax.tree.map(np.testing.assert_array_equal, found[0], wanted[0])
    assert_same(found[1], wanted[1])


@pytest.mark.parametrize(
    ("side", "channels", "product"), [(2, 8, True), (4, 64, True), (8, 64, False), (3, 8, False)]
)
def test_small_maps_and_those_of_many_channels_are_multiplied(side, channels, product):
    x, kernel = jnp.ones((1, side, side, channels)), jnp.ones((3, 3, channels, 2))

    def convolved(x):
        return sliding.convolve_on_cpu(x, kernel, (1, 1), "SAME")

    assert ("dot_general" in str(jax.make_jaxpr(convolved)(x))) == product


def test_networks_take_the_way_of_the_backend(monkeypatch):
    x, kernel = jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1))

    def primitives():
        def both(x):
            y = sliding.convolve(x, kernel, (1, 1), "SAME", dimension_numbers=NHWC)
            return sliding.max_pool(y, (2, 2), (2, 2))

        return str(jax.make_jaxpr(both)(x))

    on_cpu = primitives()
    assert "custom_vjp" in on_cpu
    assert "reduce_window_max" not in on_cpu
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    elsewhere = primitives()
    assert "custom_vjp" not in elsewhere
    assert "reduce_window_max" in elsewhere


@pytest.mark.parametrize("strides", [(1, 1), (2, 2)], ids=str)
@pytest.mark.parametrize("groups", [1, 3], ids=["dense", "depthwise"])
@pytest.mark.parametrize("how", ["as on CPUs", "convolution of XLA"])
def test_bfloat16_trains_folds_side_by_side_in_a_loop(how, groups, strides):
    # As the engine has it: a gradient, of several folds at once, in a loop.
    rng = np.random.default_rng(4)
    x = jnp.asarray(rng.normal(size=(2, 2, 6, 6, 3)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(2, 3, 3, 3 // groups, 3)), jnp.float32)
    convolve = sliding.convolve_on_cpu if how == "as on CPUs" else lax.conv_general_dilated

    def loss(kernel, x):
        kind = {"dimension_numbers": NHWC, "feature_group_count": groups}
        out = convolve(x, kernel, strides, "SAME", **kind)
        assert out.dtype == x.dtype
        return jnp.square(out.astype(jnp.float32)).sum()

    @jax.jit
    def gradients(x, kernel):
        def one(_, total):
            return total + jax.vmap(jax.grad(loss))(kernel, x).astype(jnp.float32)

        return jax.lax.fori_loop(0, 2, one, jnp.zeros(kernel.shape, jnp.float32))

    found = gradients(x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16))
    wanted = gradients(x, kernel)
    np.testing.assert_allclose(found, wanted, atol=0.03 * np.abs(wanted).max())
