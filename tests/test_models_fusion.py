"""Fusions: what each one reads, learns and leaves alone. Features stand for the branches."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ethnicmer_jax import models

BATCH, WIDTH = 6, 5
KEY = jax.random.key(0)


def features(seed=0):
    """Features of both branches, and ethnicities with an unknown one at the end."""
    rng = np.random.default_rng(seed)
    emotion, ethnic = rng.normal(size=(2, BATCH, WIDTH)).astype(np.float32)
    return {
        "emotion": models.FixedFeatures(jnp.asarray(emotion)),
        "ethnic": models.FixedFeatures(jnp.asarray(ethnic)),
        "ethnicity": jnp.asarray([0, 1, 0, 1, 0, -1], jnp.int32),
    }


def build(fusion, **config):
    model = models.build({"fusion": fusion, "n_ethnicities": 2, **config})
    inputs = features()
    return model, inputs, jax.jit(functools.partial(model.init, train=False))(KEY, inputs)


def head_loss(logits):
    """Cross-entropy against labels 0, 1, 0, 1, ..."""
    labels = jnp.arange(BATCH) % 2
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def loss(outputs):
    """The sum over all heads."""
    heads = (outputs.logits, outputs.emotion_logits, outputs.ethnic_logits)
    return sum(head_loss(logits) for logits in heads if logits is not None)


def gradients(model, variables, inputs, of):
    """With respect to the parameters, and to the features of both branches."""

    @jax.jit
    def both(params, inputs):
        def objective(params, images):
            outputs = model.apply({"params": params}, {**inputs, **images}, train=False)
            return of(outputs)

        images = {branch: inputs[branch] for branch in ("emotion", "ethnic")}
        return jax.grad(objective, argnums=(0, 1))(params, images)

    return both(variables["params"], inputs)


def stepped(model, variables, inputs):
    """Variables after one step of gradient descent."""
    gradient, _ = gradients(model, variables, inputs, loss)
    return {"params": jax.tree.map(lambda p, g: p - 0.1 * g, variables["params"], gradient)}


def norm(tree):
    return float(optax.tree.norm(tree))


@pytest.mark.parametrize("fusion", models.FUSIONS)
def test_every_parameter_learns_and_every_branch_that_is_read_is_reached(fusion):
    model, inputs, variables = build(fusion)
    # FiLM and biases start at zero; one step later everything has a gradient.
    variables = stepped(model, variables, inputs)
    params, reached = gradients(model, variables, inputs, loss)
    assert set(params) == {"fusion"}
    assert all(0 < norm(leaf) < np.inf for leaf in jax.tree.leaves(params))
    assert norm(reached["emotion"]) > 0
    assert (norm(reached["ethnic"]) > 0) == (fusion in ("concat", "mean", "embed"))


def test_bias_starts_as_none_and_unknown_gets_the_mean():
    model, inputs, variables = build("bias")
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
    model, inputs, variables = build("embed", embed_source=source)
    head = {"params": {"fusion": {"head": variables["params"]["fusion"]["head"]}}}
    none = build("none")[0].apply(head, inputs, train=False)
    np.testing.assert_allclose(
        model.apply(variables, inputs, train=False).logits, none.logits, rtol=1e-5
    )

    variables = stepped(model, variables, inputs)

    def first_logits(**changed):
        return np.asarray(model.apply(variables, {**inputs, **changed}, train=False).logits[0])

    relabelled = first_logits(ethnicity=1 - inputs["ethnicity"].clip(0))
    other_faces = first_logits(ethnic=features(seed=1)["ethnic"])
    changed = {
        "label": not np.array_equal(first_logits(), relabelled),
        "posterior": not np.array_equal(first_logits(), other_faces),
    }
    assert changed == {which: which == source for which in changed}


@pytest.mark.parametrize("stop", [True, False])
def test_embed_keeps_the_emotion_loss_out_of_the_ethnic_branch_when_asked(stop):
    model, inputs, variables = build("embed", embed_stop_gradient=stop)
    variables = stepped(model, variables, inputs)  # FiLM starts at zero
    _, reached = gradients(model, variables, inputs, lambda out: head_loss(out.logits))
    assert norm(reached["emotion"]) > 0
    assert (norm(reached["ethnic"]) == 0) == stop


def test_adversarial_turns_the_ethnic_gradient_round_before_the_features():
    def of_the_ethnic_loss(strength):
        model, inputs, variables = build("adversarial", adversarial_strength=strength)
        return gradients(model, variables, inputs, lambda out: head_loss(out.ethnic_logits))

    (params, reached), (same_params, cooperative) = map(of_the_ethnic_loss, (0.25, -1.0))
    wanted = -0.25 * cooperative["emotion"].values
    assert norm(wanted) > 0
    np.testing.assert_allclose(reached["emotion"].values, wanted, rtol=1e-5, atol=1e-7)
    for part in ("adversary", "ethnic_head"):
        jax.tree.map(
            np.testing.assert_array_equal, params["fusion"][part], same_params["fusion"][part]
        )


def test_mean_brings_two_widths_together():
    model = models.build({"fusion": "mean", "n_ethnicities": 2})
    inputs = {**features(), "ethnic": models.FixedFeatures(jnp.zeros((BATCH, 3)))}
    outputs, variables = model.init_with_output(KEY, inputs, train=False)
    assert outputs.features.shape == (BATCH, WIDTH)
    assert variables["params"]["fusion"]["projection"]["dense"]["kernel"].shape == (3, WIDTH)


def test_each_branch_has_a_head_of_its_own_and_both_have_one():
    model, inputs, variables = build("concat")
    before = model.apply(variables, inputs, train=False)
    after = model.apply(variables, {**inputs, "ethnic": features(seed=1)["ethnic"]}, train=False)
    np.testing.assert_array_equal(after.emotion_logits, before.emotion_logits)
    assert not np.allclose(after.ethnic_logits, before.ethnic_logits)
    assert not np.allclose(after.logits, before.logits)


def test_only_an_adversary_has_a_pace_of_its_own():
    paces = {name: build(name)[0].fusion.paces for name in models.FUSIONS}
    adversary = paces.pop("adversarial")
    assert not any(paces.values())
    # Every module that reads ethnicity against the features, and neither head nor features.
    parts = set(build("adversarial")[2]["params"]["fusion"])
    assert parts - set(adversary) == {"bottleneck", "head"}
    assert build("adversarial", adversarial_pace=3.0)[0].fusion.paces == dict.fromkeys(
        adversary, 3.0
    )
