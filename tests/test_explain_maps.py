"""Maps equal slow and independent computations of the same formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ethnicmer_jax import models
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.explain import maps, views
from ethnicmer_jax.explain.views import View
from ethnicmer_jax.models import registry
from ethnicmer_jax.models.backbones import ststnet, tap

BATCH = 3
VIEW = View("final", "emotion")


def build(fusion="none", **options):
    return registry.build({"fusion": fusion, "n_ethnicities": 2, **options})


def classifier(fusion="none", **options):
    """A classifier, weights of which none is zero, and inputs."""
    model = build(fusion, **options)
    rng = np.random.default_rng(0)
    inputs = {
        branch: jnp.asarray(rng.normal(size=(BATCH, 28, 28, 3)).astype(np.float32))
        for branch in ("emotion", "ethnic")
    }
    inputs["ethnicity"] = jnp.array([0, 1, -1], jnp.int32)
    made = jax.eval_shape(lambda: model.init(jax.random.key(0), inputs, train=False))
    params = jax.tree.map(lambda x: rng.normal(0, 0.3, x.shape).astype(x.dtype), made["params"])
    statistics = jax.tree.map(lambda x: np.ones(x.shape, x.dtype), made["batch_stats"])
    return model, {"params": params, "batch_stats": statistics}, inputs


def explained(model, variables, inputs, chosen, classes, layer=tap.LAST):
    """The maps, and the feature maps behind them."""

    def both(variables, classes):
        found = maps.gradient_maps(model, variables, inputs, chosen, classes, layer)
        return found, maps.feature_maps(model, variables, inputs)

    return jax.jit(both)(variables, classes)


def test_ststnet_equals_both_halves_by_hand():
    # After the block come only averages of 2x2 cells, a flattening and a linear layer, so
    # the gradient at a place is a quarter of its class's weight: no autodiff needed.
    model, variables, inputs = classifier()
    classes = np.array([0, 2, 1])
    view = View("final", "emotion")
    found, shown = explained(model, variables, inputs, [view], {"final": jnp.asarray(classes)})
    values = np.asarray(shown["emotion_backbone"][tap.LAST])
    assert values.shape == (BATCH, 10, 10, 16)
    kernel = np.asarray(variables["params"]["fusion"]["head"]["dense"]["kernel"])
    for clip, label in enumerate(classes):
        slope = kernel[:, label].reshape(16, 5, 5).repeat(2, 1).repeat(2, 2) / 4
        product = slope.transpose(1, 2, 0) * values[clip]
        np.testing.assert_allclose(
            found["hirescam"][view][clip], np.maximum(product.sum(-1), 0), rtol=1e-4, atol=1e-6
        )
        weighted = values[clip] @ slope.mean((1, 2))
        np.testing.assert_allclose(
            found["gradcam"][view][clip], np.maximum(weighted, 0), rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("fusion", ["concat", "embed", "adversarial"])
def test_the_gradient_is_that_of_finite_differences(fusion):
    model, variables, inputs = classifier(fusion, embed_stop_gradient=True, adversarial_strength=3)
    model = views.differentiable(model)
    chosen = views.choose(model)
    classes = {view.head: jnp.array([1, 0, 1]) for view in chosen}
    found, shown = explained(model, variables, inputs, chosen, classes)
    logits = jax.jit(lambda v: maps.logits(model, v, inputs))
    # Every backbone gets a shift each time, so that one program is compiled.
    still = jax.tree.map(jnp.zeros_like, shown)
    for view in chosen:
        module = f"{view.branch}_backbone"
        values = np.asarray(shown[module][tap.LAST], np.float64)

        def score(shift, view=view, module=module):
            shifted = {module: {tap.LAST: shift}}
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


def test_layers_that_are_not_there_are_refused():
    model, _, inputs = classifier()
    maps.check_layer(model, inputs, tap.LAST)
    with pytest.raises(UserError, match=r"no layer 'stage2' \(--layer\); choose from last$"):
        maps.check_layer(model, inputs, "stage2")


@pytest.mark.parametrize(
    ("name", "side"),
    [("off_apexnet", 7), ("dual_inception", 7), ("rcn", 6), ("dual_atme", 7), ("htnet", 1)],
)
def test_networks_of_the_field_show_their_last_map(name, side):
    backbone = models.backbone(name)
    images = jnp.ones((2, 28, 28, 3))
    variables = jax.eval_shape(lambda: backbone.init(jax.random.key(0), images, train=False))
    _, state = jax.eval_shape(
        lambda v: backbone.apply(v, images, train=False, mutable=[tap.MAPS]), variables
    )
    assert state[tap.MAPS][tap.LAST].shape[:3] == (2, side, side)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18", {"widths": (4, 4, 8, 8)}),
        ("tiny_vit_5m", {"widths": (32, 32, 32, 32), "depths": (1, 1, 1, 1)}),
        ("swin_b", {"width": 32, "depths": (1, 1, 1, 1), "heads": (1, 1, 2, 2)}),
        ("vgg_face", {"widths": (4, 4, 4, 4, 4), "hidden": 8}),
    ],
)
def test_every_backbone_shows_its_maps_and_lets_the_last_be_shifted(name, options):
    backbone = models.backbone(name, image_size=64, **options)
    images = jnp.ones((2, 64, 64, 3))

    def apply(variables, shift):
        state = {**variables, tap.SHIFTS: {tap.LAST: shift}}
        return backbone.apply(state, images, train=False, mutable=[tap.MAPS])

    # Traced and not compiled: that takes a minute for these networks.
    variables = jax.eval_shape(lambda: backbone.init(jax.random.key(0), images, train=False))
    assert set(variables) <= {"params", "batch_stats"}
    _, state = jax.eval_shape(
        lambda v: backbone.apply(v, images, train=False, mutable=[tap.MAPS]), variables
    )
    shown = state[tap.MAPS][tap.LAST]
    assert shown.shape[:3] == (2, 2, 2)
    sides = [state[tap.MAPS][f"stage{stage}"].shape[1] for stage in range(1, 5)]
    assert sides == ([32, 16, 8, 4] if name == "vgg_face" else [16, 8, 4, 2])
    wrong = jax.ShapeDtypeStruct((2, 3, 3, shown.shape[-1]), shown.dtype)
    with pytest.raises((TypeError, ValueError), match="shape"):
        jax.eval_shape(apply, variables, wrong)
    jax.eval_shape(apply, variables, shown)


def test_resnet18_equals_pytorch(tmp_path):
    from genuine_torch import randomise, resnet18, torch, watch_kinks

    genuine = randomise(resnet18(classes=3)).eval()
    path = tmp_path / "weights.pth"
    torch.save(genuine.state_dict(), path)
    distances = [watch_kinks(genuine.layer3), watch_kinks(genuine.layer4)]
    images = np.random.default_rng(0).normal(size=(2, 96, 96, 3)).astype(np.float32)
    classes = np.array([2, 0])
    config = {"emotion_backbone": "resnet18", "image_size": 96}
    model = registry.build(config)
    inputs = {"emotion": jnp.asarray(images), "ethnicity": jnp.zeros(2, jnp.int32)}
    # The file has all of them, the head's, too.
    shapes = jax.eval_shape(lambda key: model.init(key, inputs, train=False), jax.random.key(0))
    variables = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    weights = models.read("resnet18", path, image_size=96)
    variables, _ = models.graft(variables, "emotion", weights)
    view = View("final", "emotion")
    for layer, module in ((tap.LAST, genuine.layer4), ("stage2", genuine.layer2)):
        expected = _torch_maps(torch, genuine, module, images, classes)
        found, _ = explained(
            model, variables, inputs, [view], {"final": jnp.asarray(classes)}, layer
        )
        for method in maps.GRADIENT_METHODS:
            largest = expected[method].max()
            assert largest > 0.01
            np.testing.assert_allclose(
                found[method][view], expected[method], rtol=0, atol=1e-4 * largest
            )
    assert min(map(min, distances)) > 1e-5


def _torch_maps(torch, genuine, module, images, classes):
    kept = {}
    hook = module.register_forward_hook(lambda _m, _i, output: kept.update(map=output))
    scores = genuine(torch.from_numpy(images).permute(0, 3, 1, 2))
    hook.remove()
    chosen = scores[torch.arange(len(classes)), torch.from_numpy(classes)].sum()
    (slope,) = torch.autograd.grad(chosen, kept["map"])
    weights = {"gradcam": slope.mean((2, 3), keepdim=True), "hirescam": slope}
    return {
        method: torch.relu((weight * kept["map"]).sum(1)).detach().numpy()
        for method, weight in weights.items()
    }


def test_the_map_peaks_where_the_function_looks():
    size = 40
    weights = np.zeros((size, size, 1), np.float32)
    weights[30, 10] = 1
    image = np.zeros((2, size, size, 1), np.float32)
    image[:, 30, 10, 0] = (2, -1)

    def score(inputs):
        return {"final": (inputs["emotion"] * weights).sum((1, 2, 3))}

    found = maps.occlusion_maps(score, {"emotion": jnp.asarray(image)}, [VIEW])[VIEW]
    assert found.shape == (2, maps.STEPS, maps.STEPS)
    # Cells are 4 px: the pixel is in row 7, column 2. Covering it costs 2, and gains 1.
    assert found[0, 7, 2] == found[0].max() > 0
    assert found[1, 7, 2] == found[1].min() < 0
    # Squares are 10 px wide: no square over a cell 10 px and more away reaches the pixel.
    far = np.abs(np.arange(maps.STEPS) * 4 + 2 - 30) > 14
    assert not found[0][far].any()


def test_a_branch_is_occluded_by_itself():
    image = np.random.default_rng(0).random((3, 28, 28, 3), np.float32)
    inputs = {"emotion": jnp.asarray(image), "ethnic": jnp.asarray(image)}

    def score(given):
        both = given["emotion"].sum((1, 2, 3))
        return {"final": both, "ethnic": given["ethnic"].sum((1, 2, 3))}

    chosen = [VIEW, View("final", "ethnic"), View("ethnic", "ethnic")]
    found = maps.occlusion_maps(score, inputs, chosen)
    assert not found[View("final", "ethnic")].any()
    np.testing.assert_array_equal(found[View("ethnic", "ethnic")], found[VIEW])


def test_covering_shows_what_does_not_move():
    image = jnp.asarray(np.random.default_rng(0).random((2, 9, 9, 3), np.float32))
    everywhere = np.ones((9, 9), bool)
    covered = maps.cover(image, maps.nothing(image), everywhere)
    expected = np.median(np.asarray(image), axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(covered, np.broadcast_to(expected, image.shape))
