"""Weights of a trained branch as .safetensors: names of PyTorch, the same bits, and a note."""

import functools
import json

import jax
import numpy as np
import pytest
import safetensors

from ethnicmer_jax import models
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.export import run
from ethnicmer_jax.export.request import Request
from ethnicmer_jax.training import saved_network


def exported(workdir, tmp_path, **settings):
    path = tmp_path / "weights.safetensors"
    said = run.run(Request(workdir, path, "safetensors", **settings))
    with safetensors.safe_open(path, "numpy") as file:
        about = file.metadata()
    return models.read("ststnet", path), about, said


def same(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, left, right)))


def test_backbone_and_head_come_back_bit_for_bit(trained_workdir, tmp_path):
    weights, about, said = exported(trained_workdir, tmp_path)
    params = saved_network.find(str(trained_workdir)).variables["params"]
    assert same(dict(weights.variables["params"]), params["emotion_backbone"])
    assert same(weights.head, params["fusion"]["head"]["dense"])
    assert said.endswith(
        "ststnet of the emotion branch of final.everybody-seed0/everybody, head of 3 classes"
    )
    assert json.loads(about["outputs"]) == ["negative", "positive", "surprise"]
    assert json.loads(about["backbone"])["image_size"] == 28
    assert "feels" in about["use"]


def test_a_network_starts_from_its_own_export(trained_workdir, tmp_path):
    """What was exported is what `config.init.path` reads."""
    weights, _, _ = exported(trained_workdir, tmp_path)
    model = models.build({})
    init = jax.jit(functools.partial(model.init, train=False))
    fresh = init(jax.random.key(1), models.example_inputs({}))
    grafted, line = models.graft(fresh, "emotion", weights)
    assert line.endswith("head of 3 classes taken over")
    assert same(grafted, dict(saved_network.find(str(trained_workdir)).variables))


def test_a_head_of_other_features_is_left_out(trained_embed_workdir, tmp_path):
    weights, about, _ = exported(trained_embed_workdir, tmp_path)
    assert weights.head is None
    assert about["head"] == "no head: that of fusion embed reads other features"
    ethnic, about, _ = exported(trained_embed_workdir, tmp_path, branch="ethnic")
    assert ethnic.head is not None
    assert len(json.loads(about["outputs"])) == 5


def test_a_branch_that_is_not_there(trained_workdir, tmp_path):
    with pytest.raises(UserError, match="has no ethnic branch: its fusion is none"):
        exported(trained_workdir, tmp_path, branch="ethnic")
