"""The classifier around backbones and fusion: masks, dropout, precision, fixed features."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_models

from ethnicmer_jax import models

BATCH = 6
KEY = jax.random.key(0)


def batch_for(config, seed=0):
    rng = np.random.default_rng(seed)
    inputs = {
        which: jnp.asarray(rng.normal(size=(BATCH, size, size, 3)), jnp.float32)
        for which, size in models.image_sizes(config).items()
    }
    return {**inputs, "ethnicity": jnp.asarray([0, 1, 0, 1, 0, -1], jnp.int32)}


def build(config):
    model = models.build(config)
    inputs = batch_for(config)
    return model, inputs, jax.jit(functools.partial(model.init, train=False))(KEY, inputs)


def trained_forward(model, variables):
    """A compiled forward pass in training mode: logits and new statistics."""

    @jax.jit
    def forward(inputs, weight=None, key=KEY):
        outputs, state = model.apply(
            variables,
            inputs,
            train=True,
            weight=weight,
            mutable=["batch_stats"],
            rngs={"dropout": key},
        )
        return outputs.logits, state["batch_stats"]

    return forward


@pytest.mark.parametrize("backbone", [name for name in models.BACKBONES if name != "ststnet"])
def test_every_backbone_fits_into_both_branches(backbone):
    config = small_models.config("embed", backbone, dropout=0.2)
    model, inputs = models.build(config), batch_for(config)

    def gradient(key):
        variables = model.init(key, inputs, train=False)
        stats = {"batch_stats": variables.get("batch_stats", {})}

        def total(params):
            outputs, _ = model.apply(
                {"params": params, **stats},
                inputs,
                train=True,
                mutable=["batch_stats"],
                rngs={"dropout": key},
            )
            return outputs.logits.sum()

        return variables["params"], jax.grad(total)(variables["params"])

    params, found = jax.eval_shape(gradient, KEY)
    assert params.keys() == {"emotion_backbone", "ethnic_backbone", "fusion"}
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, found)


def test_the_branches_may_differ_in_backbone_and_size():
    config = {
        "fusion": "mean",
        "emotion_backbone": "resnet18",
        "ethnic_backbone": "ststnet",
        "emotion_options": {"widths": (8, 8, 8, 16)},
        "image_size": 32,
        "ethnic_image_size": 40,
    }
    assert models.image_sizes(config) == {"emotion": 32, "ethnic": 40}
    model, inputs = models.build(config), batch_for(config)
    outputs, variables = jax.eval_shape(lambda: model.init_with_output(KEY, inputs, train=False))
    assert outputs.features.shape == (BATCH, 16)
    assert "projection" in variables["params"]["fusion"]


def test_examples_of_weight_zero_leave_no_trace_in_the_statistics():
    model, inputs, variables = build(small_models.config("concat"))
    weight = jnp.asarray([1, 1, 0, 1, 1, 1], jnp.float32)
    forward = trained_forward(model, variables)
    logits, stats = forward(inputs, weight)
    images = {which: inputs[which].at[2].set(jnp.nan) for which in ("emotion", "ethnic")}
    spoilt_logits, spoilt_stats = forward({**inputs, **images}, weight)
    assert set(stats) == {"emotion_backbone", "ethnic_backbone"}
    jax.tree.map(np.testing.assert_array_equal, spoilt_stats, stats)
    kept = np.asarray(weight, bool)
    np.testing.assert_array_equal(spoilt_logits[kept], logits[kept])


def test_a_batch_that_counts_nothing_changes_nothing():
    model, inputs, variables = build(small_models.config())
    logits, stats = trained_forward(model, variables)(inputs, jnp.zeros(BATCH))
    assert np.isfinite(logits).all()
    jax.tree.map(np.testing.assert_array_equal, stats, variables["batch_stats"])


def test_fixed_features_stand_for_the_images_of_their_branch():
    model, inputs, variables = build(small_models.config("concat"))
    whole = jax.jit(functools.partial(model.apply, train=False))(variables, inputs)
    branch = {name: tree["emotion_backbone"] for name, tree in variables.items()}
    fixed = models.FixedFeatures(
        jax.jit(functools.partial(model.emotion_backbone.apply, train=False))(
            branch, inputs["emotion"]
        )
    )
    rest = {
        name: {part: tree for part, tree in of.items() if part != "emotion_backbone"}
        for name, of in variables.items()
    }
    found = jax.jit(functools.partial(model.apply, train=False))(rest, {**inputs, "emotion": fixed})
    np.testing.assert_allclose(found.logits, whole.logits, rtol=1e-4, atol=1e-6)


def test_dropout_drops_in_training_only():
    model = models.build({"dropout": 0.5})
    inputs = {"emotion": models.FixedFeatures(jnp.ones((BATCH, 8)))}
    variables = jax.jit(functools.partial(model.init, train=False))(KEY, inputs)

    @functools.partial(jax.jit, static_argnums=1)
    def logits(seed, train):
        rngs = {"dropout": jax.random.key(seed)}
        return model.apply(variables, inputs, train=train, rngs=rngs).logits

    assert not np.allclose(logits(0, True), logits(1, True))
    np.testing.assert_array_equal(logits(0, False), logits(1, False))


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
@pytest.mark.parametrize("backbone", models.BACKBONES)
def test_bfloat16_keeps_parameters_and_outputs_in_float32(monkeypatch, backbone, backend):
    # Accelerators take XLA's own convolutions and pooling, which refuse mixed types.
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    config = small_models.config(backbone=backbone, compute_dtype="bfloat16")
    model, inputs = models.build(config), batch_for(config)
    outputs, variables = jax.eval_shape(lambda: model.init_with_output(KEY, inputs, train=False))
    dtypes = {leaf.dtype for leaf in jax.tree.leaves((variables, outputs))}
    assert dtypes == {jnp.dtype("float32")}


@pytest.mark.parametrize(
    "backbone",
    ["ststnet", *(pytest.param(n, marks=pytest.mark.slow) for n in ("resnet18", "swin_b"))],
)
def test_bfloat16_computes_the_same_with_fewer_digits(backbone):
    config = small_models.config(backbone=backbone)
    model, inputs, variables = build(config)
    half = models.build({**config, "compute_dtype": "bfloat16"})
    expected = jax.jit(lambda v: model.apply(v, inputs, train=False))(variables).features
    actual = jax.jit(lambda v: half.apply(v, inputs, train=False))(variables).features
    # bfloat16 has 8 bits: some parts in a hundred after several layers, and not none.
    error = float(jnp.abs(actual - expected).max() / jnp.abs(expected).max())
    assert 0 < error < 0.1
