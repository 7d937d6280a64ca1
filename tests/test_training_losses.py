import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ethnicmer_jax.models.fusion import Outputs
from ethnicmer_jax.training import losses

LOGITS = jnp.array([[2.0, 0.0, -1.0], [0.5, 0.5, 0.0], [-1.0, 3.0, 0.0]])
LABELS = jnp.array([0, 2, 1])
ONES = jnp.ones(3)
SHARES = jnp.log(jnp.array([0.7, 0.2, 0.1]))


def each(logits, labels):
    """Cross-entropy by its definition, in float64."""
    values = np.asarray(logits, np.float64)
    log = values - np.log(np.exp(values).sum(1, keepdims=True))
    return -log[np.arange(len(log)), np.asarray(labels)]


def summed(outputs, ethnic=LABELS, weight=ONES, config=None, emotion_weights=ONES, **options):
    return losses.summed(
        config or losses.LossConfig(**options),
        outputs,
        LABELS,
        ethnic,
        weight,
        emotion_weights,
        SHARES,
        ONES,
    )


def test_cross_entropy_is_the_weighted_mean():
    weight = jnp.array([1.0, 2.0, 0.5])
    expected = np.average(each(LOGITS, LABELS), weights=weight)
    assert losses.cross_entropy(LOGITS, LABELS, weight, 0.0) == pytest.approx(expected, rel=1e-6)


def test_smoothing_mixes_the_label_with_the_uniform_distribution():
    uniform = np.mean([each(LOGITS, [k] * 3) for k in range(3)], axis=0)
    expected = np.mean(0.9 * each(LOGITS, LABELS) + 0.1 * uniform)
    assert losses.cross_entropy(LOGITS, LABELS, ONES, 0.1) == pytest.approx(expected, rel=1e-6)


def test_examples_of_weight_zero_do_not_count_and_get_no_gradient():
    weight = jnp.array([1.0, 0.0, 1.0])

    def loss(logits):
        return losses.cross_entropy(logits, LABELS, weight, 0.0)

    assert loss(LOGITS) == loss(LOGITS.at[1].set(99.0))
    assert (jax.grad(loss)(LOGITS)[1] == 0).all()


def test_nothing_that_counts_is_zero_with_zero_gradient():
    loss, gradient = jax.value_and_grad(losses.cross_entropy)(LOGITS, LABELS, 0 * ONES, 0.0)
    assert loss == 0
    assert (gradient == 0).all()


def test_the_sum_is_over_the_heads_that_exist():
    final, branch, ethnic = LOGITS, LOGITS[::-1], -LOGITS
    only, parts = summed(Outputs(final))
    assert set(parts) == {"final"}
    assert only == pytest.approx(each(final, LABELS).mean(), rel=1e-6)
    total, parts = summed(Outputs(final, branch, ethnic), emotion_weight=0.5, ethnic_weight=0.25)
    assert set(parts) == {"final", "emotion", "ethnic"}
    expected = (
        each(final, LABELS).mean()
        + 0.5 * each(branch, LABELS).mean()
        + 0.25 * each(ethnic, LABELS).mean()
    )
    assert total == pytest.approx(expected, rel=1e-6)


def test_unknown_ethnicity_leaves_the_ethnic_loss_only():
    ethnic = jnp.array([0, -1, 1])
    total, parts = summed(Outputs(LOGITS, None, LOGITS), ethnic)
    assert parts["ethnic"] == pytest.approx(each(LOGITS, [0, 0, 1])[[0, 2]].mean(), rel=1e-6)
    assert total == pytest.approx(float(parts["final"] + parts["ethnic"]), rel=1e-6)


def test_a_batch_of_unknown_ethnicities_is_finite():
    ethnic = jnp.full(3, -1)

    def loss(logits):
        return summed(Outputs(LOGITS, None, logits), ethnic)[1]["ethnic"]

    value, gradient = jax.value_and_grad(loss)(LOGITS)
    assert value == 0
    assert (gradient == 0).all()


def test_class_weights_multiply_the_examples_of_their_class():
    _, parts = summed(Outputs(LOGITS), emotion_weights=jnp.array([1.0, 0.0, 3.0]))
    expected = np.average(each(LOGITS, LABELS), weights=[1, 3, 0])
    assert parts["final"] == pytest.approx(expected, rel=1e-6)


def test_prior_adjustment_adds_log_shares_to_logits_of_emotion_alone():
    outputs = Outputs(LOGITS, LOGITS[::-1], LOGITS)
    _, parts = summed(outputs, prior_adjustment=0.5)
    assert parts["final"] == pytest.approx(each(LOGITS + SHARES / 2, LABELS).mean(), rel=1e-6)
    assert parts["emotion"] == pytest.approx(
        each(LOGITS[::-1] + SHARES / 2, LABELS).mean(), rel=1e-6
    )
    assert parts["ethnic"] == pytest.approx(each(LOGITS, LABELS).mean(), rel=1e-6)


def test_what_the_shares_explain_is_not_learnt():
    """Examples without information: the best logits predict classes of equal size."""
    labels = jnp.array([0] * 7 + [1] * 2 + [2])
    config = losses.LossConfig(prior_adjustment=1.0)

    def loss(bias):
        outputs = Outputs(jnp.tile(bias, (10, 1)))
        return losses.summed(config, outputs, labels, labels, jnp.ones(10), ONES, SHARES, ONES)[0]

    assert jnp.abs(jax.grad(loss)(jnp.zeros(3))).max() < 1e-6
