"""Maps equal slow and independent computations of the same formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ethnicmer_jax import models
from ethnicmer_jax.explain import gradcam, views
from ethnicmer_jax.explain.views import View
from ethnicmer_jax.models import registry
from ethnicmer_jax.models.backbones import ststnet, tap
from ethnicmer_jax.schema import UserError

BATCH = 3


def classifier(fusion="none", **options):
    config = {"fusion": fusion, "n_ethnicities": 2, **options}
    model = registry.build(config)
    rng = np.random.default_rng(0)
    inputs = {
        branch: rng.normal(size=(BATCH, 28, 28, 3)).astype(np.float32)
        for branch in ("emotion", "ethnic")
    }
    inputs["ethnicity"] = np.array([0, 1, -1], np.int32)
    variables = jax.jit(lambda key: model.init(key, inputs, train=False))(jax.random.key(1))
    return model, variables, inputs


def explained(model, variables, inputs, chosen, classes):
    """The maps, and the feature maps behind them."""

    def both(variables, classes):
        _, state = model.apply(variables, inputs, train=False, mutable=[tap.MAPS])
        return gradcam.maps(model, variables, inputs, chosen, classes), state[tap.MAPS]

    return jax.jit(both)(variables, classes)


def test_ststnet_equals_both_halves_by_hand():
    # After the block come only averages of 2x2 cells, a flattening and a linear layer, so
    # the gradient at a place is a quarter of its class's weight: no autodiff needed.
    model, variables, inputs = classifier()
    classes = np.array([0, 2, 1])
    view = View("final", "emotion")
    found, shown = explained(model, variables, inputs, [view], {"final": jnp.asarray(classes)})
    values = np.asarray(shown["emotion_backbone"][tap.NAME])
    assert values.shape == (BATCH, 10, 10, 16)
    kernel = np.asarray(variables["params"]["fusion"]["head"]["dense"]["kernel"])
    for clip, label in enumerate(classes):
        slope = kernel[:, label].reshape(16, 5, 5).repeat(2, 1).repeat(2, 2) / 4
        product = slope.transpose(1, 2, 0) * values[clip]
        np.testing.assert_allclose(
            found["hirescam"][view][clip], np.maximum(product.sum(-1), 0), atol=1e-6
        )
        weighted = values[clip] @ slope.mean((1, 2))
        np.testing.assert_allclose(found["gradcam"][view][clip], np.maximum(weighted, 0), atol=1e-6)


@pytest.mark.parametrize("fusion", ["mtl", "concat", "embed", "adversarial"])
def test_the_gradient_is_that_of_finite_differences(fusion):
    model, variables, inputs = classifier(fusion, embed_stop_gradient=True, adversarial_strength=3)
    # FiLM and the bias start at zero: let them matter.
    variables = jax.tree.map(
        lambda x: x + 0.05 * jax.random.normal(jax.random.key(2), x.shape), variables
    )
    model = views.differentiable(model)
    chosen = views.choose(model)
    classes = {view.head: jnp.array([1, 0, 1]) for view in chosen}
    found, shown = explained(model, variables, inputs, chosen, classes)
    logits = jax.jit(lambda v: gradcam.logits(model, v, inputs))
    # Every backbone gets a shift each time, so that one program is compiled.
    still = jax.tree.map(jnp.zeros_like, shown)
    for view in chosen:
        module = f"{view.branch}_backbone"
        values = np.asarray(shown[module][tap.NAME], np.float64)

        def score(shift, view=view, module=module):
            shifted = {module: {tap.NAME: shift}}
            scores = logits({**variables, tap.SHIFTS: {**still, **shifted}})[view.head]
            return np.asarray(scores)[np.arange(BATCH), np.asarray(classes[view.head])]

        # HiResCAM before its ReLU, summed over a cell's channels, is a directional slope.
        step = 0.02
        for row, column in ((0, 0), (4, 7), (9, 9)):
            towards = np.zeros_like(values, np.float32)
            towards[:, row, column] = step * values[:, row, column]
            slope = (score(towards) - score(-towards)) / (2 * step)
            cell = np.asarray(found["hirescam"][view])[:, row, column]
            np.testing.assert_allclose(cell, np.maximum(slope, 0), rtol=0.02, atol=2e-3)


def test_training_is_the_same_program_without_taps(monkeypatch):
    model, variables, inputs = classifier()
    assert set(variables) == {"params", "batch_stats"}

    def loss(variables):
        outputs, state = model.apply(
            variables,
            inputs,
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": jax.random.key(0)},
        )
        assert set(state) == {"batch_stats"}
        return outputs.logits.sum(), state

    def program():
        return jax.jit(jax.grad(lambda v: loss(v), has_aux=True)).lower(variables).as_text()

    tapped = program()
    monkeypatch.setattr(ststnet, "tap", lambda _, x: x)
    assert program() == tapped


@pytest.mark.parametrize(
    ("fusion", "names"),
    [
        ("none", ["final-emotion"]),
        ("bias", ["final-emotion"]),
        ("mtl", ["final-emotion", "ethnic-emotion"]),
        ("adversarial", ["final-emotion", "ethnic-emotion"]),
        ("concat", ["final-emotion", "final-ethnic", "emotion-emotion", "ethnic-ethnic"]),
        ("embed", ["final-emotion", "final-ethnic", "ethnic-ethnic"]),
    ],
)
def test_every_fusion_has_its_views(fusion, names):
    model, _, _ = classifier(fusion)
    assert [str(view) for view in views.choose(model)] == names


def test_heads_that_are_not_there_are_refused():
    model, _, _ = classifier("mtl")
    with pytest.raises(UserError, match="no emotion head; it has final, ethnic"):
        views.choose(model, ["emotion"])
    with pytest.raises(UserError, match="no head 'finale'"):
        views.choose(model, ["finale"])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18", {"widths": (4, 4, 8, 8)}),
        ("tiny_vit_5m", {"widths": (32, 32, 32, 32), "depths": (1, 1, 1, 1)}),
        ("swin_b", {"width": 32, "depths": (1, 1, 1, 1), "heads": (1, 1, 2, 2)}),
        ("vgg_face", {"widths": (4, 4, 4, 4, 4), "hidden": 8}),
    ],
)
def test_every_backbone_shows_its_last_map_and_lets_it_be_shifted(name, options):
    backbone = models.backbone(name, image_size=64, **options)
    images = jnp.ones((2, 64, 64, 3))

    def apply(variables, shift):
        state = {**variables, tap.SHIFTS: {tap.NAME: shift}}
        return backbone.apply(state, images, train=False, mutable=[tap.MAPS])

    # Traced and not compiled: that takes a minute for these networks.
    variables = jax.eval_shape(lambda: backbone.init(jax.random.key(0), images, train=False))
    assert set(variables) <= {"params", "batch_stats"}
    _, state = jax.eval_shape(
        lambda v: backbone.apply(v, images, train=False, mutable=[tap.MAPS]), variables
    )
    shown = state[tap.MAPS][tap.NAME]
    assert shown.shape[:3] == (2, 2, 2)
    wrong = jax.ShapeDtypeStruct((2, 3, 3, shown.shape[-1]), shown.dtype)
    with pytest.raises((TypeError, ValueError), match="shape"):
        jax.eval_shape(apply, variables, wrong)
    jax.eval_shape(apply, variables, shown)


def test_resnet18_equals_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    from torch_twins import resnet18
    from torch_twins.weights import randomise

    twin = randomise(resnet18.ResNet18(classes=3, widths=(16, 16, 32, 32))).eval()
    path = tmp_path / "weights.pth"
    torch.save(twin.state_dict(), path)
    images = np.random.default_rng(1).normal(size=(2, 96, 96, 3)).astype(np.float32)
    classes = np.array([2, 0])
    expected = _torch_gradcam(torch, twin, images, classes)

    options = {"widths": (16, 16, 32, 32)}
    config = {"emotion_backbone": "resnet18", "image_size": 96, "emotion_options": options}
    model = registry.build(config)
    inputs = {"emotion": images, "ethnicity": np.zeros(2, np.int32)}
    variables = jax.jit(lambda key: model.init(key, inputs, train=False))(jax.random.key(0))
    weights = models.read("resnet18", path, image_size=96, **options)
    variables, _ = models.graft(variables, "emotion", weights)
    view = View("final", "emotion")
    found, _ = explained(model, variables, inputs, [view], {"final": jnp.asarray(classes)})
    assert expected.max() > 0.1
    for method in gradcam.METHODS:
        # The mean over places is linear: both methods are the same there.
        np.testing.assert_allclose(
            found[method][view], expected, rtol=0, atol=1e-3 * expected.max()
        )


def _torch_gradcam(torch, twin, images, classes):
    kept = {}
    twin.layer4.register_forward_hook(lambda _m, _i, output: kept.update(map=output))
    scores = twin(torch.from_numpy(images).permute(0, 3, 1, 2))
    chosen = scores[torch.arange(len(classes)), torch.from_numpy(classes)].sum()
    (slope,) = torch.autograd.grad(chosen, kept["map"])
    weights = slope.mean((2, 3), keepdim=True)
    return torch.relu((weights * kept["map"]).sum(1)).detach().numpy()
