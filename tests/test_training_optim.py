import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ethnicmer_jax.training import optim


def rates(epochs=5, warmup=0, **options):
    config = {
        "learning_rate": 0.1, "decay": 0.5, "epochs": epochs, "warmup_epochs": warmup,
    } | options  # fmt: skip
    return [optim.learning_rate(config, epoch) for epoch in range(epochs)]


def test_schedules_against_their_formulas():
    assert rates(schedule="constant") == [0.1] * 5
    assert rates(schedule="exponential") == pytest.approx([0.1, 0.05, 0.025, 0.0125, 0.00625])
    # Half a cosine: 1 at the start, 1/2 in the middle.
    assert rates(4, schedule="cosine") == pytest.approx([0.1, 0.085355, 0.05, 0.014645], rel=1e-4)


def test_warmup_rises_to_where_the_schedule_starts():
    assert rates(4, 2, schedule="exponential") == pytest.approx([0.1 / 3, 0.2 / 3, 0.1, 0.05])


def test_warmup_as_long_as_the_training_is_legal():
    assert all(np.isfinite(rates(3, 3, schedule="cosine")))


def adam(gradients, rate, decay=0.0, start=1.0):
    """Kingma and Ba 2015, algorithm 1, with decoupled decay; scalars in float64."""
    value, first, second = start, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        first = 0.9 * first + 0.1 * g
        second = 0.999 * second + 0.001 * g * g
        corrected = first / (1 - 0.9**t), second / (1 - 0.999**t)
        value -= rate * (corrected[0] / (np.sqrt(corrected[1]) + 1e-8) + decay * value)
    return value


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_steps_are_adam_s(decay):
    optimizer = optim.directions(decay)
    params = {"w": jnp.float32(1.0)}
    state = optimizer.init(params)
    gradients = [0.3, -2.0, 0.7, 0.7]
    for gradient in gradients:
        updates, state = optimizer.update({"w": jnp.float32(gradient)}, state, params)
        params = optim.step(params, updates, jnp.float32(0.05))
    assert params["w"] == pytest.approx(adam(gradients, 0.05, decay), rel=1e-5)


def test_the_moving_average_forgets_where_it_started():
    average, values = {"w": jnp.float32(100.0)}, [1.0, 2.0, 3.0, 4.0]
    for step, value in enumerate(values):
        average = optim.moving_average(average, {"w": jnp.float32(value)}, jnp.int32(step), 0.5)
    # The mean of the first two; from then on half of what was, half of what is.
    assert average["w"] == pytest.approx(((1.5 + 3) / 2 + 4) / 2)
    assert optim.moving_average(None, {"w": jnp.float32(1)}, jnp.int32(0), 0.0) is None


def test_one_module_may_learn_faster_than_the_rest():
    optimizer = optim.directions(0.01, {"adversary": 10.0})
    params = {"fusion": {"adversary": {"w": jnp.float32(1.0)}, "head": {"w": jnp.float32(1.0)}}}
    state = optimizer.init(params)
    for gradient in (0.3, -2.0):
        gradients = jax.tree.map(lambda w, g=gradient: jnp.full_like(w, g), params)
        updates, state = optimizer.update(gradients, state, params)
        params = optim.step(params, updates, jnp.float32(0.05))
    usual, fast = params["fusion"]["head"]["w"], params["fusion"]["adversary"]["w"]
    assert usual == pytest.approx(adam([0.3, -2.0], 0.05, 0.01), rel=1e-5)
    assert fast == pytest.approx(adam([0.3, -2.0], 0.5, 0.01), rel=1e-5)
