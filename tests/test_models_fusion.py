"""Fusions: what each one reads, learns and leaves alone."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ethnicmer_jax import models

BATCH = 6
KEY = jax.random.key(0)
TWO_BRANCHES = ("concat", "mean", "embed")
SMALLEST = {
    "ststnet": {"image_size": 28},
    "resnet18": {"image_size": 32, "options": {"widths": (8, 8, 8, 8)}},
    "tiny_vit_5m": {"image_size": 32, "options": {"depths": (1, 1, 1, 1)}},
    "tiny_vit_21m": {"image_size": 32, "options": {"depths": (1, 1, 1, 1)}},
    "swin_b": {"image_size": 32, "options": {"width": 32, "depths": (1, 1, 2, 1)}},
    "vgg_face": {"image_size": 32, "options": {"widths": (4, 4, 4, 4, 4), "hidden": 16}},
}


def small_config(fusion="none", backbone="ststnet", **others):
    chosen = SMALLEST[backbone]
    options = chosen.get("options", {})
    return {
        "fusion": fusion,
        "emotion_backbone": backbone,
        "image_size": chosen["image_size"],
        "ethnic_image_size": chosen["image_size"],
        "emotion_options": options,
        "ethnic_options": options,
        "n_ethnicities": 2,
        **others,
    }


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


def loss(outputs):
    """Cross-entropies of all heads against labels 0, 1, 0, 1, ..."""
    labels = jnp.arange(BATCH) % 2
    heads = (outputs.logits, outputs.emotion_logits, outputs.ethnic_logits)
    return sum(
        optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        for logits in heads
        if logits is not None
    )


def step(model, variables, inputs, key, weight=None):
    """One step of gradient descent; returns loss and new variables."""

    def objective(params):
        outputs, state = model.apply(
            {**variables, "params": params},
            inputs,
            train=True,
            weight=weight,
            mutable=["batch_stats"],
            rngs={"dropout": key},
        )
        return loss(outputs), state

    (value, state), gradients = jax.value_and_grad(objective, has_aux=True)(variables["params"])
    moved = jax.tree.map(lambda p, g: p - 0.1 * g, variables["params"], gradients)
    return value, {**variables, "params": moved, **state}


def norm(tree):
    return float(jnp.sqrt(sum(jnp.square(leaf).sum() for leaf in jax.tree.leaves(tree))))


@pytest.mark.parametrize("fusion", models.FUSIONS)
def test_step_is_finite_and_moves_every_branch(fusion):
    config = small_config(fusion, dropout=0.2)
    model, inputs, variables = build(config)
    value, after = jax.jit(lambda v, x: step(model, v, x, jax.random.key(1)))(variables, inputs)
    assert np.isfinite(value)
    branches = {"emotion_backbone", "fusion"} | (
        {"ethnic_backbone"} if fusion in TWO_BRANCHES else set()
    )
    assert set(variables["params"]) == branches
    for branch in branches:
        change = jax.tree.map(jnp.subtract, after["params"][branch], variables["params"][branch])
        assert 0 < norm(change) < np.inf, branch


@pytest.mark.parametrize("fusion", models.FUSIONS)
@pytest.mark.parametrize("backbone", [name for name in SMALLEST if name != "ststnet"])
def test_every_pair_fits_together(fusion, backbone):
    config = small_config(fusion, backbone, dropout=0.2)
    model, inputs = models.build(config), batch_for(config)

    def init_and_step(key):
        variables = model.init(key, inputs, train=False)
        return variables, *step(model, variables, inputs, key)

    before, value, after = jax.eval_shape(init_and_step, KEY)
    assert value.shape == ()
    assert jax.tree.map(lambda x: (x.shape, x.dtype), before) == jax.tree.map(
        lambda x: (x.shape, x.dtype), after
    )


@pytest.mark.slow
@pytest.mark.parametrize("fusion", models.FUSIONS)
@pytest.mark.parametrize("backbone", [name for name in SMALLEST if name != "ststnet"])
def test_every_pair_trains_over_folds(fusion, backbone):
    config = small_config(fusion, backbone, dropout=0.2)
    model, inputs = models.build(config), batch_for(config)

    @jax.jit
    @jax.vmap
    def train(key):
        variables = model.init(key, inputs, train=False)
        value, after = step(model, variables, inputs, key)
        return value, after, jax.tree.map(jnp.subtract, after, variables)

    values, after, change = train(jax.random.split(KEY, 2))
    assert np.isfinite(values).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after))
    for branch, tree in change["params"].items():
        assert norm(tree) > 0, branch


@pytest.mark.parametrize("fusion", ["embed", "adversarial"])
def test_folds_under_vmap_equal_folds_alone(fusion):
    config = small_config(fusion, dropout=0.5)
    model, inputs = models.build(config), batch_for(config)
    weights = jnp.asarray([[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 1]], jnp.float32)
    keys = jax.random.split(jax.random.key(3), 2)

    def train(key, weight):
        variables = model.init(key, inputs, train=False)
        return step(model, variables, inputs, key, weight)

    together = jax.jit(jax.vmap(train))(keys, weights)
    alone = jax.jit(train)(keys[1], weights[1])
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-4, atol=1e-5), together, alone
    )


@pytest.mark.parametrize("fusion", ["none", "concat"])
def test_examples_of_weight_zero_leave_no_trace_in_the_statistics(fusion):
    config = small_config(fusion)
    model, inputs, variables = build(config)
    weight = jnp.asarray([1, 1, 0, 1, 1, 1], jnp.float32)

    @jax.jit
    def forward(inputs):
        outputs, state = model.apply(
            variables, inputs, train=True, weight=weight, mutable=["batch_stats"]
        )
        return outputs.logits, state

    logits, state = forward(inputs)
    images = {which: inputs[which].at[2].set(jnp.nan) for which in ("emotion", "ethnic")}
    spoilt_logits, spoilt_state = forward({**inputs, **images})
    jax.tree.map(np.testing.assert_array_equal, spoilt_state, state)
    kept = np.asarray(weight, bool)
    np.testing.assert_array_equal(spoilt_logits[kept], logits[kept])


def test_a_batch_that_counts_nothing_changes_nothing():
    model, inputs, variables = build(small_config())
    outputs, state = model.apply(
        variables, inputs, train=True, weight=jnp.zeros(BATCH), mutable=["batch_stats"]
    )
    assert np.isfinite(outputs.logits).all()
    jax.tree.map(np.testing.assert_array_equal, state["batch_stats"], variables["batch_stats"])


def test_bias_starts_as_none_and_unknown_gets_the_mean():
    model, inputs, variables = build(small_config("bias"))
    fusion = variables["params"]["fusion"]
    outputs = model.apply(variables, inputs, train=False)
    plain = outputs.features @ fusion["head"]["dense"]["kernel"] + fusion["head"]["dense"]["bias"]
    np.testing.assert_allclose(outputs.logits, plain, rtol=1e-5)

    bias = jnp.asarray([[1.0, 0, 0], [0, 3.0, 0]])
    variables["params"]["fusion"]["bias"] = bias
    shift = model.apply(variables, inputs, train=False).logits - outputs.logits
    np.testing.assert_allclose(shift[0], bias[0], atol=1e-5)
    np.testing.assert_allclose(shift[1], bias[1], atol=1e-5)
    np.testing.assert_allclose(shift[5], [0.5, 1.5, 0], atol=1e-5)


@pytest.mark.parametrize("source", ["label", "posterior"])
def test_embed_starts_unconditioned_then_reads_its_source_alone(source):
    model, inputs, variables = build(small_config("embed", embed_source=source))
    outputs = model.apply(variables, inputs, train=False)
    head = variables["params"]["fusion"]["head"]["dense"]
    none = models.build(small_config()).apply(
        {
            "params": {
                "emotion_backbone": variables["params"]["emotion_backbone"],
                "fusion": {"head": {"dense": head}},
            },
            "batch_stats": {"emotion_backbone": variables["batch_stats"]["emotion_backbone"]},
        },
        inputs,
        train=False,
    )
    np.testing.assert_allclose(outputs.logits, none.logits, rtol=1e-5)

    _, variables = step(model, variables, inputs, KEY)
    trained = model.apply(variables, inputs, train=False).logits
    relabelled = model.apply(
        variables, {**inputs, "ethnicity": 1 - inputs["ethnicity"].clip(0)}, train=False
    ).logits
    other_faces = model.apply(
        variables, {**inputs, "ethnic": inputs["ethnic"][::-1]}, train=False
    ).logits
    changed = {
        "label": not np.array_equal(trained[0], relabelled[0]),
        "posterior": not np.array_equal(trained[0], other_faces[0]),
    }
    assert changed == {which: which == source for which in changed}


@pytest.mark.parametrize("stop", [True, False])
def test_embed_keeps_the_emotion_loss_out_of_the_ethnic_branch_when_asked(stop):
    model, inputs, variables = build(small_config("embed", embed_stop_gradient=stop))
    _, variables = step(model, variables, inputs, KEY)  # FiLM starts at zero

    def final_loss(params):
        outputs = model.apply({**variables, "params": params}, inputs, train=False)
        return loss(outputs._replace(ethnic_logits=None))

    gradients = jax.grad(final_loss)(variables["params"])
    assert norm(gradients["emotion_backbone"]) > 0
    assert (norm(gradients["ethnic_backbone"]) == 0) == stop


def test_adversarial_turns_the_ethnic_gradient_round_before_the_features():
    def ethnic_gradients(strength):
        model, inputs, variables = build(small_config("adversarial", adversarial_strength=strength))

        def ethnic_loss(params):
            outputs = model.apply({**variables, "params": params}, inputs, train=False)
            return loss(outputs._replace(logits=None))

        return jax.jit(jax.grad(ethnic_loss))(variables["params"])

    adversarial, cooperative = ethnic_gradients(0.25), ethnic_gradients(-1.0)
    assert norm(cooperative["emotion_backbone"]) > 0
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, -0.25 * b, rtol=1e-5, atol=1e-7),
        adversarial["emotion_backbone"],
        cooperative["emotion_backbone"],
    )
    jax.tree.map(np.testing.assert_array_equal, adversarial["fusion"], cooperative["fusion"])


def test_mean_brings_two_widths_together_and_any_backbone_goes_in_either_branch():
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


def test_the_two_branches_see_their_own_images():
    model, inputs, variables = build(small_config("concat"))
    before = model.apply(variables, inputs, train=False)
    after = model.apply(variables, {**inputs, "ethnic": 2 * inputs["ethnic"]}, train=False)
    np.testing.assert_array_equal(after.emotion_logits, before.emotion_logits)
    assert not np.allclose(after.ethnic_logits, before.ethnic_logits)
    assert not np.allclose(after.logits, before.logits)


def test_dropout_drops_in_training_only():
    model, inputs, variables = build(small_config(dropout=0.5))

    def logits(seed, train):
        rngs = {"dropout": jax.random.key(seed)}
        outputs, _ = model.apply(variables, inputs, train=train, rngs=rngs, mutable=["batch_stats"])
        return outputs.logits

    assert not np.allclose(logits(0, True), logits(1, True))
    np.testing.assert_array_equal(logits(0, False), logits(1, False))


@pytest.mark.parametrize("backbone", SMALLEST)
def test_bfloat16_keeps_parameters_and_outputs_in_float32(backbone):
    config = small_config(backbone=backbone, compute_dtype="bfloat16")
    model, inputs = models.build(config), batch_for(config)
    variables = jax.eval_shape(lambda: model.init(KEY, inputs, train=False))
    outputs = jax.eval_shape(lambda v: model.apply(v, inputs, train=False), variables)
    dtypes = {leaf.dtype for leaf in jax.tree.leaves((variables, outputs))}
    assert dtypes == {jnp.dtype("float32")}


@pytest.mark.parametrize(
    "backbone",
    ["ststnet", *(pytest.param(n, marks=pytest.mark.slow) for n in ("resnet18", "swin_b"))],
)
def test_bfloat16_computes_the_same_with_fewer_digits(backbone):
    config = small_config(backbone=backbone)
    model, inputs, variables = build(config)
    half = models.build({**config, "compute_dtype": "bfloat16"})
    expected = jax.jit(lambda v: model.apply(v, inputs, train=False))(variables).features
    actual = jax.jit(lambda v: half.apply(v, inputs, train=False))(variables).features
    # bfloat16 has 8 bits: some parts in a hundred after several layers, and not none.
    error = float(jnp.abs(actual - expected).max() / jnp.abs(expected).max())
    assert 0 < error < 0.1
