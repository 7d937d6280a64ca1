"""Every fusion on every backbone learns: alone under jit, and vmapped on several devices.

Every fusion on the fast network is quick to compile; the whole grid is slow.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_models

from ethnicmer_jax import models
from ethnicmer_jax.training import optim
from ethnicmer_jax.training.batches import Constants
from ethnicmer_jax.training.device_data import Resident
from ethnicmer_jax.training.fold import Learner
from ethnicmer_jax.training.losses import LossConfig, summed
from ethnicmer_jax.training.placement import Grid

EMOTION = np.asarray([0, 1, 2, 0], np.int32)
ETHNIC = np.asarray([0, 1, -1, 1], np.int32)
FOLDS = 4
PAIRS = [(fusion, backbone) for backbone in models.BACKBONES for fusion in models.FUSIONS]


@pytest.fixture(autouse=True)
def _forget_the_compiled(request):
    """So many large programs in one process exhaust its memory maps, and it crashes."""
    yield
    if request.node.get_closest_marker("slow"):
        jax.clear_caches()


class Bench:
    """A pair's learner on four clips of noise, and the states that its folds start from."""

    def __init__(self, fusion, backbone, **others):
        config = small_models.config(fusion, backbone, **others)
        self.learner = Learner(models.build(config), LossConfig(), optim.directions(0.0))
        rng = np.random.default_rng(0)
        self.images = {
            branch: jnp.asarray(rng.normal(size=(len(EMOTION), size, size, 3)), jnp.float32)
            for branch, size in models.image_sizes(config).items()
            if fusion in ("concat", "mean", "embed") or branch == "emotion"
        }
        prepare = jax.jit(self.learner.model.prepare, static_argnums=0)
        prepared = {branch: prepare(branch, x) for branch, x in self.images.items()}
        self.data = Resident(prepared, *map(jnp.asarray, (EMOTION, ETHNIC, ETHNIC, ETHNIC)))
        self.constants = Constants(
            identity=np.asarray([[seed, 7] for seed in range(FOLDS)], np.uint32),
            emotion_weights=np.ones((FOLDS, 3), np.float32),
            emotion_shares=np.zeros((FOLDS, 3), np.float32),
            ethnic_weights=np.ones((FOLDS, 2), np.float32),
            stratum_weights=np.ones((FOLDS, 1), np.float32),
            strata_there=np.ones((FOLDS, 0), bool),
            test=np.zeros((FOLDS, 2), np.int32),
            n_test=np.ones(FOLDS, np.int32),
        )
        # One step of two clips, which are not the same in all folds.
        self.batch = (
            np.asarray([[[0, 1]], [[3, 1]]] * (FOLDS // 2), np.int32),
            np.ones((FOLDS, 1, 2), np.float32),
            np.ones(FOLDS, np.int32),
            np.full(FOLDS, 1e-3, np.float32),
        )

    @functools.cached_property
    def states(self):
        init = jax.jit(self.learner.init)
        states = [init(_row(self.constants, fold), self.data) for fold in range(FOLDS)]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *states)

    def alone(self):
        """The states and the mean loss of every fold after its step, fold by fold."""
        step = jax.jit(self.learner.epoch)
        each = [
            step(*_row((self.states, self.constants, *self.batch), fold), self.data)
            for fold in range(FOLDS)
        ]
        return _after(*jax.tree.map(lambda *leaves: np.stack(leaves), *each))

    def together(self, devices, fold_batch):
        """The same on a grid: spread by pmap, and vmapped where `fold_batch` is above 1."""
        grid = Grid(tuple(jax.devices()[:devices]), FOLDS // (devices * fold_batch), fold_batch)
        step = grid.map(self.learner.epoch)
        per_fold = map(grid.place, (self.states, self.constants, *self.batch))
        return _after(*grid.collect(step(*per_fold, grid.replicate(self.data))))


def _after(states, sums):
    return states, sums.losses["loss"] / sums.examples


def _row(tree, fold):
    return jax.tree.map(lambda x: jnp.asarray(x[fold]), tree)


def change(before, after, fold):
    """How far each part of the classifier has moved."""
    moved = jax.tree.map(lambda a, b: np.abs(a[fold] - b[fold]).sum(), before, after)
    return {part: sum(jax.tree.leaves(tree)) for part, tree in moved.items()}


def check_step(bench, fusion, states, losses):
    assert np.isfinite(losses).all()
    assert len(set(losses)) == FOLDS
    parts = {"emotion_backbone", "fusion"}
    if fusion in ("concat", "mean", "embed"):
        parts.add("ethnic_backbone")
    for fold in range(FOLDS):
        moved = change(bench.states.params, states.params, fold)
        assert moved.keys() == parts
        assert all(0 < distance < np.inf for distance in moved.values()), moved


def ethnic_gradients(backbone, strength):
    """Of the ethnic loss with respect to the backbone and to the adversary."""
    bench = Bench("adversarial", backbone, adversarial_strength=strength)
    variables = _row(bench.states, 0).variables

    def loss(params):
        outputs = bench.learner.model.apply(
            {**variables, "params": params}, bench.images, train=False
        )
        ones = jnp.ones(len(EMOTION))
        parts = summed(
            LossConfig(), outputs, EMOTION, ETHNIC, ones, jnp.ones(3), jnp.zeros(3), jnp.ones(2)
        )[1]
        return parts["ethnic"]

    return jax.jit(jax.grad(loss))(variables["params"])


def check_reversal(backbone):
    adversarial, cooperative = (ethnic_gradients(backbone, s) for s in (0.25, -1.0))
    largest = max(np.abs(x).max() for x in jax.tree.leaves(cooperative["emotion_backbone"]))
    assert largest > 0
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, -0.25 * b, rtol=1e-3, atol=1e-5 * largest),
        adversarial["emotion_backbone"],
        cooperative["emotion_backbone"],
    )
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-5),
        adversarial["fusion"]["ethnic_head"],
        cooperative["fusion"]["ethnic_head"],
    )


@pytest.mark.parametrize("fusion", models.FUSIONS)
def test_every_fusion_learns_on_the_fast_network(fusion):
    bench = Bench(fusion, "ststnet", dropout=0.2)
    check_step(bench, fusion, *bench.alone())


@pytest.mark.parametrize(("devices", "fold_batch"), [(2, 1), (1, 4)], ids=["pmap", "vmap"])
def test_folds_learn_together_as_they_learn_alone(devices, fold_batch):
    bench = Bench("embed", "ststnet")
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6),
        bench.together(devices, fold_batch),
        bench.alone(),
    )


def test_the_adversary_turns_its_gradient_round():
    check_reversal("ststnet")


@pytest.mark.slow
@pytest.mark.parametrize(("fusion", "backbone"), PAIRS)
def test_every_pair_learns_alone_and_vmapped_on_two_devices(fusion, backbone):
    bench = Bench(fusion, backbone, dropout=0.2)
    states, alone = bench.alone()
    check_step(bench, fusion, states, alone)
    states, together = bench.together(devices=2, fold_batch=2)
    check_step(bench, fusion, states, together)
    # Not closer: where the last map is one pixel, BatchNorm divides by the spread of two values.
    np.testing.assert_allclose(together, alone, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", models.BACKBONES)
def test_the_adversary_turns_its_gradient_round_on_every_backbone(backbone):
    check_reversal(backbone)
