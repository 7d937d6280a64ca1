import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ethnicmer_jax.training import robust

EACH = jnp.array([1.0, 3.0, 8.0, 5.0])


def weighed(stratum, log_weights, step, weight=(1.0, 1.0, 1.0, 1.0)):
    return robust.weighed(EACH, jnp.array(weight), jnp.array(stratum), log_weights, step)


def test_strata_count_by_their_weights_after_the_step():
    loss, after = weighed([0, 0, 1, 1], robust.initial(jnp.array([True, True])), 0.1)
    means = np.array([2.0, 6.5])
    expected = np.exp(0.1 * means) / np.exp(0.1 * means).sum()
    assert np.exp(after) == pytest.approx(expected, rel=1e-6)
    assert float(loss) == pytest.approx(expected @ means, rel=1e-6)


def test_without_a_step_strata_count_the_same_whatever_their_size():
    loss, after = weighed([0, 1, 1, 1], robust.initial(jnp.array([True, True])), 0.0)
    assert float(loss) == pytest.approx((1 + (3 + 8 + 5) / 3) / 2)
    assert np.exp(after) == pytest.approx([0.5, 0.5])


def test_a_stratum_that_the_fold_does_not_train_on_has_no_weight():
    start = robust.initial(jnp.array([True, False, True]))
    assert np.exp(start) == pytest.approx([0.5, 0.0, 0.5])
    for _ in range(50):
        loss, start = weighed([0, 0, 2, 2], start, 1.0)
    assert np.exp(start) == pytest.approx([0.0, 0.0, 1.0], abs=1e-6)
    assert float(loss) == pytest.approx(6.5)


def test_clips_of_no_stratum_count_as_the_share_that_they_are():
    loss, _ = weighed([0, 0, 0, -1], robust.initial(jnp.array([True])), 0.5)
    assert float(loss) == pytest.approx(float(EACH.mean()))
    alone, after = weighed([-1] * 4, robust.initial(jnp.array([True])), 0.5)
    assert float(alone) == pytest.approx(float(EACH.mean()))
    assert np.exp(after) == pytest.approx([1.0])


def test_a_stratum_that_is_not_in_the_batch_waits():
    two = robust.initial(jnp.array([True, True]))
    loss, after = weighed([0, 0, 0, 0], two, 0.7)
    assert float(loss) == pytest.approx(float(EACH.mean()))
    # The other one's log weight grew by step times loss, this one's did not.
    assert float(after[0] - after[1]) == pytest.approx(0.7 * float(EACH.mean()), rel=1e-6)


def test_examples_without_weight_change_nothing():
    two = robust.initial(jnp.array([True, True]))
    loss, _ = weighed([0, 1, 0, 1], two, 0.0, weight=(1.0, 1.0, 0.0, 0.0))
    assert float(loss) == pytest.approx(2.0)


def test_no_gradient_flows_through_the_weights():
    two = robust.initial(jnp.array([True, True]))

    def loss(each):
        return robust.weighed(each, jnp.ones(4), jnp.array([0, 0, 1, 1]), two, 0.3)[0]

    weights = np.exp(robust.weighed(EACH, jnp.ones(4), jnp.array([0, 0, 1, 1]), two, 0.3)[1])
    assert jax.grad(loss)(EACH) == pytest.approx(np.repeat(weights, 2) / 2, rel=1e-6)
