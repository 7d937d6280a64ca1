"""One training step has PyTorch's loss, gradients, running statistics and Adam.

PyTorch computes in float64, so that all rounding seen here is ours.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch_ststnet
from genuine_torch import randomise, resnet18, torch, watch_kinks

from ethnicmer_jax import models
from ethnicmer_jax.models.batch_norm import MaskedBatchNorm
from ethnicmer_jax.training import optim

LEARNING_RATE = 1e-3
CASES = {
    "ststnet": (28, lambda: torch_ststnet.STSTNet(classes=3), {"padding": 2}),
    "resnet18": (33, lambda: resnet18(classes=3), {}),
}
SEED = 4
CLEAR_OF_THE_KINK = 1e-5
"""How far every input of a ReLU keeps from 0, in standard deviations; see `watch_kinks`.

Without it nothing can be compared: at 64 px with 16 images, PyTorch's gradients of resnet18 in
float32 differ from its own in float64 by up to 3e-2 of a tensor's largest.
"""


def torch_gradients(genuine, images, labels):
    """Loss and gradients of cross-entropy; and how near the input of a ReLU came to 0."""
    distances = watch_kinks(genuine)
    logits = genuine.double().train()(torch.from_numpy(images).permute(0, 3, 1, 2).double())
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels))
    loss.backward()
    return loss.item(), {name: p.grad for name, p in genuine.named_parameters()}, min(distances)


def jax_gradients(backbone, weights, images, labels):
    """The same loss, the new running statistics, and the gradients of backbone and head."""

    def loss_fn(params, head):
        features, state = backbone.apply(
            {**weights.variables, "params": params}, images, train=True, mutable=["batch_stats"]
        )
        logits = features @ head["kernel"] + head["bias"]
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return losses.mean(), state["batch_stats"]

    value_and_grad = jax.jit(jax.value_and_grad(loss_fn, argnums=(0, 1), has_aux=True))
    (loss, statistics), gradients = value_and_grad(weights.variables["params"], weights.head)
    return float(loss), statistics, gradients


@pytest.mark.parametrize("name", CASES)
def test_loss_gradients_and_running_statistics_equal_pytorch(name, tmp_path):
    size, make_genuine, options = CASES[name]
    genuine = randomise(make_genuine())
    before, after = tmp_path / "before.pth", tmp_path / "after.pth"
    torch.save(genuine.state_dict(), before)
    rng = np.random.default_rng(SEED)
    images = rng.normal(size=(4, size, size, 3)).astype(np.float32)
    labels = rng.integers(0, 3, 4)

    expected_loss, gradients, distance = torch_gradients(genuine, images, labels)
    assert distance > CLEAR_OF_THE_KINK
    # Gradients in place of the weights: the import puts both into our layout.
    torch.save(genuine.state_dict() | gradients, after)
    expected = models.read(name, after, image_size=size, **options)

    weights = models.read(name, before, image_size=size, **options)
    backbone = models.backbone(name, image_size=size, **options)
    loss, statistics, (params, head) = jax_gradients(backbone, weights, images, labels)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert_close(statistics, expected.variables["batch_stats"], 1e-5)
    assert_close(params, expected.variables["params"], 1e-4)
    assert_close(head, expected.head, 1e-4)


def assert_close(actual, expected, share):
    """Each array differs by less than this share of its largest value."""
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=share * np.abs(b).max()),
        actual,
        dict(expected),
    )


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_steps_of_adam_equal_pytorch_for_gradients_of_every_size(decay):
    rng = np.random.default_rng(SEED)
    gradients = rng.normal(size=(5, 400)) * 10.0 ** rng.uniform(-12, 3, size=(5, 400))
    gradients[:, :10] = 0
    start = rng.normal(0, 0.01, 400)

    expected = torch.nn.Parameter(torch.from_numpy(start.copy()))
    genuine = torch.optim.AdamW([expected], lr=LEARNING_RATE, weight_decay=decay)
    ours = optim.directions(decay)
    params = jnp.asarray(start, jnp.float32)
    state = ours.init(params)
    for gradient in gradients:
        expected.grad = torch.from_numpy(gradient)
        genuine.step()
        updates, state = ours.update(jnp.asarray(gradient, jnp.float32), state, params)
        params = optim.step(params, updates, jnp.float32(LEARNING_RATE))
    np.testing.assert_allclose(params, expected.detach().numpy(), rtol=0, atol=1e-4 * LEARNING_RATE)


def test_masked_batch_norm_equals_pytorch_on_the_examples_that_count():
    rng = np.random.default_rng(3)
    x = rng.normal(2, 3, size=(6, 5, 5, 4)).astype(np.float32)
    weight = np.array([1, 0, 1, 1, 0, 1], np.float32)
    x[weight == 0] = np.nan
    counted = torch.from_numpy(x[weight == 1]).permute(0, 3, 1, 2)
    genuine = torch.nn.BatchNorm2d(4)
    expected = genuine(counted).permute(0, 2, 3, 1).detach().numpy()

    module = MaskedBatchNorm()
    x, weight = jnp.asarray(x), jnp.asarray(weight)
    variables = module.init(jax.random.key(0), x, train=False)
    out, state = module.apply(variables, x, train=True, weight=weight, mutable=["batch_stats"])

    np.testing.assert_allclose(out[weight == 1], expected, atol=1e-5)
    stats = state["batch_stats"]
    np.testing.assert_allclose(stats["mean"], genuine.running_mean.numpy(), rtol=1e-5)
    np.testing.assert_allclose(stats["var"], genuine.running_var.numpy(), rtol=1e-5)


@pytest.mark.parametrize("side", [3, 36], ids="{0}x{0}".format)
def test_gradients_of_masked_batch_norm_are_those_of_pytorch(side):
    rng = np.random.default_rng(4)
    x = rng.normal(2, 3, size=(4, side, side, 3)).astype(np.float32)
    gradient = rng.normal(size=x.shape).astype(np.float32)
    weight = np.array([1, 0, 1, 1], np.float32)
    gradient[1] = 0  # as the loss has it of a masked example
    genuine = torch.nn.BatchNorm2d(3)
    with torch.no_grad():
        genuine.weight.copy_(torch.tensor([0.5, -1, 2]))
    counted = torch.from_numpy(x[weight == 1]).permute(0, 3, 1, 2).requires_grad_()
    genuine(counted).backward(torch.from_numpy(gradient[weight == 1]).permute(0, 3, 1, 2))

    module = MaskedBatchNorm()
    variables = module.init(jax.random.key(0), x, train=False)
    params = {"scale": jnp.asarray([0.5, -1, 2]), "bias": jnp.zeros(3)}

    def out(params, x):
        state = {"params": params, "batch_stats": variables["batch_stats"]}
        return module.apply(state, x, train=True, weight=weight, mutable=["batch_stats"])[0]

    _, pull_back = jax.vjp(out, params, x)
    d_params, d_x = pull_back(jnp.asarray(gradient))
    for ours, theirs in (
        (d_x[weight == 1], counted.grad.permute(0, 2, 3, 1)),
        (d_params["scale"], genuine.weight.grad),
        (d_params["bias"], genuine.bias.grad),
    ):
        np.testing.assert_allclose(ours, theirs, atol=2e-6 * float(theirs.abs().max()))
    assert not np.any(d_x[1])
