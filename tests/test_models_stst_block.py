"""The hand-written block against the plain layers it stands for."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.plain_ststnet import PlainBlock
from ethnicmer_jax.models.backbones.stst_block import ConvReluBnPool, window_patches

FEATURES = 5


def _variables(seed, images, padding):
    """Random parameters; some scales negative, so that the minimum is pooled too."""
    init = jax.jit(functools.partial(PlainBlock(FEATURES, padding=padding).init, train=True))
    variables = init(jax.random.key(seed), images)
    leaves, tree = jax.tree.flatten(variables["params"])
    keys = jax.random.split(jax.random.key(seed + 1), len(leaves))
    noisy = [leaf + jax.random.normal(k, leaf.shape) for leaf, k in zip(leaves, keys, strict=True)]
    return {**variables, "params": jax.tree.unflatten(tree, noisy)}


def _images(seed, size, levels=None):
    images = np.random.default_rng(seed).random((6, size, size, 3), np.float32)
    # Few grey levels make ties inside pooling windows, as flat 8-bit flow does.
    return jnp.asarray(np.round(images * levels) / levels if levels else images)


def _run(block, variables, inputs, weight, train):
    """Outputs, new statistics and the gradient of a fixed linear function of the outputs."""

    @jax.jit
    @functools.partial(jax.value_and_grad, has_aux=True)
    def loss(params, others, inputs, weight):
        out, new = block.apply(
            {**others, "params": params},
            inputs,
            train=train,
            weight=weight,
            mutable=["batch_stats"],
        )
        probe = jnp.sin(jnp.arange(out.size, dtype=jnp.float32)).reshape(out.shape)
        return (out * probe * weight[:, None, None, None]).sum(), (out, new)

    others = {name: tree for name, tree in variables.items() if name != "params"}
    (_, (out, new)), gradient = loss(variables["params"], others, inputs, weight)
    return out, new, gradient


@pytest.mark.parametrize("padding", [1, 2])
@pytest.mark.parametrize("size", [28, 16])
@pytest.mark.parametrize("train", [True, False])
def test_equals_the_plain_layers(size, padding, train):
    images = _images(0, size)
    weight = jnp.asarray([1.0, 1, 0, 1, 1, 0])
    variables = _variables(1, images, padding)
    expected = _run(PlainBlock(FEATURES, padding=padding), variables, images, weight, train)
    patches = window_patches(images, padding)
    actual = _run(ConvReluBnPool(FEATURES), variables, patches, weight, train)
    assert any((variables["params"]["bn"]["scale"] < 0).tolist())
    jax.tree.map(
        lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-3, atol=2e-4 * np.abs(e).max()),
        actual,
        expected,
    )


def test_a_tie_gives_its_gradient_once():
    images = _images(2, 16, levels=2)
    weight = jnp.ones(6)
    variables = _variables(3, images, 1)
    # Zero kernels but for the centre tap: equal pixels are then equal activations.
    kernel = jnp.zeros_like(variables["params"]["conv"]["kernel"]).at[1, 1].set(1.0)
    variables["params"]["conv"] = {"kernel": kernel, "bias": jnp.full(FEATURES, 0.5)}
    expected = _run(PlainBlock(FEATURES), variables, images, weight, True)
    actual = _run(ConvReluBnPool(FEATURES), variables, window_patches(images, 1), weight, True)
    np.testing.assert_allclose(
        actual[2]["conv"]["kernel"], expected[2]["conv"]["kernel"], rtol=1e-3, atol=1e-2
    )


def test_vmaps_over_folds():
    images = _images(4, 16)
    patches = window_patches(images, 1)
    folds = [_variables(seed, images, 1) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *folds)
    weight = jnp.ones(6)
    block = ConvReluBnPool(FEATURES)
    together = jax.vmap(lambda v: _run(block, v, patches, weight, True))(stacked)
    for row, fold in enumerate(folds):
        alone = _run(block, fold, patches, weight, True)
        jax.tree.map(
            lambda t, a, row=row: np.testing.assert_allclose(t[row], a, rtol=2e-4, atol=2e-4),
            together,
            alone,
        )


def test_refuses_oblong_images():
    with pytest.raises(ValueError, match="square"):
        window_patches(jnp.zeros((1, 8, 9, 3)))
