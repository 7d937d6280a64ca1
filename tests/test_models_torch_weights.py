"""Weights under PyTorch's names and back: not a bit is lost, for any backbone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
import small_models
import ststnet_weights

from ethnicmer_jax import models


def noise(tree, seed=0):
    """The tree with other numbers in every place, none below zero, as variances are."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: rng.uniform(size=x.shape).astype(np.float32), tree)


def weights_of(name):
    """Made-up weights of a backbone at its smallest, and how it is asked for."""
    chosen = small_models.SMALLEST[name]
    size, options = chosen["image_size"], chosen.get("options", {})
    backbone = models.backbone(name, image_size=size, **options)
    images = jnp.zeros((1, size, size, 3))
    shapes = jax.eval_shape(lambda: backbone.init(jax.random.key(0), images, train=False))
    features = jax.eval_shape(lambda v: backbone.apply(v, images, train=False), shapes)
    head = {"kernel": np.zeros((features.shape[1], 3)), "bias": np.zeros(3)}
    made = models.BranchWeights(name, noise(dict(shapes)), noise(head))
    return made, {"image_size": size, **options}


def same(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, left, right)))


@pytest.mark.parametrize("name", models.BACKBONES)
def test_a_file_written_and_read_has_the_same_bits(name, tmp_path):
    weights, asked = weights_of(name)
    path = tmp_path / "weights.safetensors"
    safetensors.numpy.save_file(models.state_dict(weights), path)
    read = models.read(name, path, **asked)
    assert same(dict(read.variables), dict(weights.variables))
    assert same(read.head, weights.head)


def test_a_pytorch_file_read_and_written_has_the_same_bits(tmp_path):
    state = ststnet_weights.state()
    again = models.state_dict(models.read("ststnet", ststnet_weights.write(tmp_path)))
    assert again.keys() == {key for key in state if not key.endswith("num_batches_tracked")}
    assert all(np.array_equal(again[key], state[key]) for key in again)


def test_without_a_head_none_is_written():
    weights, _ = weights_of("ststnet")
    assert "fc.weight" not in models.state_dict(weights.replace(head=None))
