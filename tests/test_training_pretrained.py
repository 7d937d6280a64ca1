"""Branches that start from PyTorch weights, and those that stay there."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import ststnet_weights
import worlds

from ethnicmer_jax import models
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import job
from ethnicmer_jax.training import device_data

DATA = worlds.world()
ROWS = [0, 4]
"""Two folds are as many as show that folds share where they start."""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return ststnet_weights.write(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def wanted(path):
    """The variables in the file, as the emotion branch wants them."""
    return models.read("ststnet", path)


def engine(**overrides):
    small = {"optim__epochs": 1, "checkpoint__keep": "final", "engine__devices": 1}
    made = worlds.config(**(small | overrides))
    return worlds.engine(made, DATA, ROWS)


def finished(folder, **overrides):
    """A trained engine, its predictions, and the states of its folds."""
    trained = engine(**overrides)
    table = trained.train(folder).table
    return trained, table, [state for _, state in trained.states(folder)]


def same(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, left, right)))


@pytest.fixture(scope="module")
def frozen(tmp_path_factory, path):
    folder = tmp_path_factory.mktemp("frozen")
    settings = {"model__fusion": "concat", "init__path": str(path), "init__freeze": True}
    return folder, settings, *finished(folder, **settings)


def test_every_fold_starts_from_the_file(tmp_path, path, wanted):
    _, _, states = finished(tmp_path, init__path=str(path), optim__learning_rate=0.0)
    for state in states:
        assert same(state.params["emotion_backbone"], wanted.variables["params"])
        assert same(state.params["fusion"]["head"]["dense"], wanted.head)


def test_weights_that_are_not_frozen_learn(tmp_path, path, wanted):
    _, _, states = finished(tmp_path, init__path=str(path))
    for state in states:
        assert not same(state.params["emotion_backbone"], wanted.variables["params"])
        assert not same(state.batch_stats["emotion_backbone"], wanted.variables["batch_stats"])


def test_a_frozen_backbone_stays_and_the_rest_learns(frozen, wanted):
    _, _, trained, _, states = frozen
    constants = worlds.first_constants(trained)
    fresh = jax.jit(trained.learner.init)(constants, trained.data)
    for state in states:
        assert same(state.params["emotion_backbone"], wanted.variables["params"])
        assert same(state.batch_stats["emotion_backbone"], wanted.variables["batch_stats"])
        assert not same(state.params["fusion"], fresh.params["fusion"])
        assert not same(state.params["ethnic_backbone"], fresh.params["ethnic_backbone"])


def test_the_optimizer_keeps_nothing_for_a_frozen_backbone(frozen):
    *_, states = frozen
    names = {
        jax.tree_util.keystr(path)
        for path, _ in jax.tree_util.tree_leaves_with_path(states[0].opt_state)
    }
    assert any("ethnic_backbone" in name for name in names)
    assert not any("emotion_backbone" in name for name in names)


def test_features_of_a_frozen_backbone_are_those_of_the_images(frozen):
    """What is computed once before training is what the whole network says of the images."""
    _, _, trained, _, states = frozen
    clips = np.asarray([7, 0])
    images = {branch: trained.images(branch)[clips] for branch in ("emotion", "ethnic")}
    apply = jax.jit(functools.partial(trained.learner.model.apply, train=False))
    found = jax.jit(trained.learner.features)(states[1], trained.data, clips)
    wanted = apply(states[1].variables, images).features
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_frozen_folds_resume_and_predict_the_same_on_another_grid(tmp_path, frozen):
    _, settings, *_ = frozen
    longer = settings | {"optim__epochs": 2, "checkpoint__keep": "every"}
    whole = engine(**longer).train(tmp_path / "whole").table
    first = engine(**longer | {"optim__epochs": 1})
    first.train(tmp_path / "cut")
    first.clear(tmp_path / "cut")
    rest = engine(**longer | {"engine__devices": 2})
    assert rest.train(tmp_path / "cut").table.equals(whole)
    assert rest.evaluate(tmp_path / "cut").table.equals(whole)


def test_a_held_out_clip_has_no_part_in_the_features_of_others(wanted):
    model = models.build({})
    pixels = np.random.default_rng(0).normal(size=(20, 28, 28, 3)).astype(np.float32)
    spoilt = pixels.copy()
    spoilt[3] = np.nan
    before, after = (
        np.asarray(device_data.fixed_features(model.emotion_backbone, wanted, x, 16).values)
        for x in (pixels, spoilt)
    )
    others = np.arange(20) != 3
    np.testing.assert_array_equal(after[others], before[others])
    assert np.isnan(after[3]).any()


def test_weights_are_no_part_of_the_program(path, tmp_path):
    one = engine(init__path=str(path))
    two = engine(init__path=str(ststnet_weights.write(tmp_path, seed=1)))
    constants = jax.tree.map(jnp.asarray, worlds.first_constants(one))
    init = jax.jit(one.learner.init)
    kernels = [
        init(constants, made.data).params["emotion_backbone"]["block"]["conv"]["kernel"]
        for made in (one, two)
    ]
    assert not np.array_equal(*kernels)
    assert init._cache_size() == 1


def test_what_became_of_the_head_is_said(path, tmp_path):
    other = ststnet_weights.write(tmp_path, classes=7)
    both = engine(
        model__fusion="mean",
        init__path=str(path),
        init__freeze=True,
        init__ethnic_path=str(other),
    )
    taken, random = both.notes
    assert taken == (
        f"emotion branch: ststnet weights, head of 3 classes taken over, from {path}; "
        "who has taught these weights is not known; backbone frozen"
    )
    assert "the file's has 7 classes and does not fit" in random
    assert engine().notes == ()


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"freeze": True}, "init.freeze has nothing to freeze: name weights with init.path"),
        ({"ethnic_freeze": True}, "init.ethnic_freeze has nothing to freeze"),
        ({"path": "nowhere.pth"}, r"init\.path nowhere\.pth does not exist"),
        ({"path": "short"}, "is not a whole safetensors file"),
        ({"path": "whole", "model": "resnet18"}, "does not hold the weights of resnet18"),
        ({"ethnic_path": "whole"}, "fusion none has no ethnic branch"),
    ],
)
def test_what_cannot_be_started_from_leaves_no_work_directory(tmp_path, path, overrides, reason):
    short = tmp_path / "short.safetensors"
    short.write_bytes(path.read_bytes()[:-100])
    files = {"whole": str(path), "short": str(short)}
    settings = {f"init__{k}": files.get(v, v) for k, v in overrides.items() if k != "model"}
    made = worlds.config(
        model__emotion_backbone=overrides.get("model", "ststnet"),
        data__source="manifest",
        data__raw=str(worlds.write_manifest(tmp_path)),
        data__data_dir=str(tmp_path / "data"),
        **settings,
    )
    with pytest.raises(UserError, match=reason) as caught:
        job.run(made, tmp_path / "work")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "work").exists()
