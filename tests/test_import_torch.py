"""Reading PyTorch weights: what fits is used, what does not is said in one line."""

from __future__ import annotations

import functools
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
import ststnet_weights

from ethnicmer_jax import models
from ethnicmer_jax.base.schema import UserError


@pytest.fixture
def ststnet_file(tmp_path) -> pathlib.Path:
    return ststnet_weights.write(tmp_path)


def complaint(name: str, path: pathlib.Path, **options) -> str:
    with pytest.raises(UserError) as caught:
        models.import_torch(name, path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_streams_are_joined_in_order(ststnet_file):
    state = ststnet_weights.state()
    variables = models.import_torch("ststnet", ststnet_file)
    kernel = variables["params"]["block"]["conv"]["kernel"]
    assert kernel.shape == (3, 3, 3, 16)
    # Stream 2 starts at channel 3; PyTorch's [out, in, row, column].
    np.testing.assert_array_equal(kernel[0, 1, 2, 4], state["conv2.weight"][1, 2, 0, 1])
    np.testing.assert_array_equal(
        variables["batch_stats"]["block"]["bn"]["mean"][8:], state["bn3.running_mean"]
    )


def test_variables_are_those_of_a_fresh_backbone(ststnet_file):
    images, backbone = jnp.zeros((1, 28, 28, 3)), models.backbone("ststnet")
    fresh = jax.eval_shape(lambda: backbone.init(jax.random.key(0), images, train=False))
    read = models.import_torch("ststnet", ststnet_file)
    assert jax.tree.map(lambda leaf: leaf.shape, dict(fresh)) == jax.tree.map(np.shape, dict(read))


def test_safetensors_need_no_pytorch_and_pth_says_so(ststnet_file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    models.import_torch("ststnet", ststnet_file)
    pth = tmp_path / "weights.pth"
    pth.write_bytes(b"anything")
    assert "needs PyTorch" in complaint("ststnet", pth)


def test_weights_of_another_model_name_the_first_keys(ststnet_file):
    message = complaint("resnet18", ststnet_file)
    assert "missing layer1.0.bn1.bias, " in message
    assert "unexpected bn2.bias, " in message


@pytest.mark.parametrize("name", models.BACKBONES)
def test_no_backbone_takes_the_weights_of_another(name, tmp_path):
    path = tmp_path / "other.safetensors"
    safetensors.numpy.save_file({"encoder.weight": np.zeros((2, 2), np.float32)}, path)
    message = complaint(name, path)
    assert f"does not hold the weights of {name}" in message
    assert "encoder.weight" in message


def test_truncated_safetensors(ststnet_file):
    ststnet_file.write_bytes(ststnet_file.read_bytes()[:-100])
    assert "not a whole safetensors file" in complaint("ststnet", ststnet_file)


def test_missing_file_and_unknown_kind(tmp_path):
    assert "no weights file" in complaint("ststnet", tmp_path / "nowhere.safetensors")
    text = tmp_path / "weights.txt"
    text.write_text("0.5")
    assert ".safetensors" in complaint("ststnet", text)


def test_wrong_shape_is_named(tmp_path):
    state = ststnet_weights.state()
    state["conv2.bias"] = np.zeros(6, np.float32)
    path = tmp_path / "wide.safetensors"
    safetensors.numpy.save_file(state, path)
    assert "conv1.bias does not fit ststnet at 28 px" in complaint("ststnet", path)


class TestPickled:
    """Files of torch.save."""

    torch = pytest.importorskip("torch")

    def state(self):
        return {key: self.torch.from_numpy(value) for key, value in ststnet_weights.state().items()}

    @pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}])
    def test_plain_wrapped_and_data_parallel(self, wrap, ststnet_file, tmp_path):
        path = tmp_path / "weights.pth"
        parallel = {f"module.{key}": value for key, value in self.state().items()}
        self.torch.save(wrap(parallel), path)
        expected = models.import_torch("ststnet", ststnet_file)
        jax.tree.map(np.testing.assert_array_equal, models.import_torch("ststnet", path), expected)

    def test_truncated(self, tmp_path):
        path = tmp_path / "weights.pth"
        self.torch.save(self.state(), path)
        path.write_bytes(path.read_bytes()[:-100])
        assert "not a whole file of PyTorch weights" in complaint("ststnet", path)

    def test_empty(self, tmp_path):
        path = tmp_path / "weights.pth"
        path.touch()
        assert "not a whole file of PyTorch weights" in complaint("ststnet", path)

    def test_code_in_the_file_is_refused_and_not_run(self, tmp_path):
        path, trace = tmp_path / "weights.pth", tmp_path / "it_ran"
        self.torch.save({"fc.weight": _Payload(trace)}, path)
        assert "not a whole file of PyTorch weights" in complaint("ststnet", path)
        assert not trace.exists()

    def test_something_else_than_a_state_dict(self, tmp_path):
        path = tmp_path / "weights.pth"
        self.torch.save([1, 2, 3], path)
        assert "no state dict" in complaint("ststnet", path)

    def test_tiny_vit_weights_belong_to_a_size(self, tmp_path):
        from genuine_torch import tiny_vit

        path = tmp_path / "weights.pth"
        self.torch.save(tiny_vit(64).state_dict(), path)
        message = complaint("tiny_vit_5m", path, image_size=96)
        assert "attention_biases does not fit tiny_vit_5m at 96 px" in message


class _Payload:
    def __init__(self, trace: pathlib.Path):
        self.trace = trace

    def __reduce__(self):
        return pathlib.Path.touch, (self.trace,)


class TestGraft:
    """Weights of one backbone inside a classifier."""

    def model(self, **config):
        model = models.build(config)
        inputs = models.example_inputs(config, 2)
        shapes = jax.eval_shape(lambda key: model.init(key, inputs, train=False), jax.random.key(0))
        # Compiling the beginning of a network takes longer than all the rest.
        rng = np.random.default_rng(0)
        return model, inputs, jax.tree.map(lambda leaf: rng.random(leaf.shape, np.float32), shapes)

    def test_fitting_head_is_taken_over(self, ststnet_file):
        model, inputs, variables = self.model()
        weights = models.read("ststnet", ststnet_file)
        grafted, line = models.graft(variables, "emotion", weights)
        assert line == "emotion branch: ststnet weights, head of 3 classes taken over"
        out = jax.jit(functools.partial(model.apply, train=False))(grafted, inputs)
        expected = out.features @ weights.head["kernel"] + weights.head["bias"]
        np.testing.assert_allclose(out.logits, expected, rtol=1e-5)

    def test_other_head_is_left_random_and_said(self, ststnet_file):
        _, _, variables = self.model(n_emotions=7)
        weights = models.read("ststnet", ststnet_file)
        grafted, line = models.graft(variables, "emotion", weights)
        assert line.endswith("head starts at random (the file's has 3 classes and does not fit)")
        jax.tree.map(
            np.testing.assert_array_equal,
            grafted["params"]["fusion"],
            variables["params"]["fusion"],
        )

    def test_each_branch_has_its_own(self, ststnet_file):
        _, _, variables = self.model(fusion="concat", n_ethnicities=3)
        weights = models.read("ststnet", ststnet_file)
        grafted, line = models.graft(variables, "ethnic", weights)
        assert "head of 3 classes taken over" in line
        before, after = variables["params"], grafted["params"]
        np.testing.assert_array_equal(
            after["ethnic_backbone"]["block"]["conv"]["kernel"],
            weights.variables["params"]["block"]["conv"]["kernel"],
        )
        np.testing.assert_array_equal(
            after["fusion"]["ethnic_head"]["dense"]["kernel"], weights.head["kernel"]
        )
        jax.tree.map(
            np.testing.assert_array_equal, after["emotion_backbone"], before["emotion_backbone"]
        )

    def test_under_vmap_every_fold_starts_from_the_file(self, ststnet_file):
        model = models.build({})
        inputs = models.example_inputs({})
        weights = models.read("ststnet", ststnet_file)

        def init(key):
            return models.graft(model.init(key, inputs, train=False), "emotion", weights)[0]

        stacked = jax.jit(jax.vmap(init))(jax.random.split(jax.random.key(0), 3))
        kernel = stacked["params"]["emotion_backbone"]["block"]["conv"]["kernel"]
        assert kernel.shape == (3, 3, 3, 3, 16)
        np.testing.assert_array_equal(kernel[0], kernel[2])

    def test_no_such_branch_or_another_backbone(self, ststnet_file):
        weights = models.read("ststnet", ststnet_file)
        _, _, variables = self.model()
        with pytest.raises(UserError, match="no ethnic branch"):
            models.graft(variables, "ethnic", weights)
        other = {"emotion_backbone": "resnet18", "image_size": 32}
        variables = jax.eval_shape(lambda: self.model(**other)[2])
        with pytest.raises(UserError, match="not the ststnet"):
            models.graft(variables, "emotion", weights)
