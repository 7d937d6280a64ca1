"""No held-out clip touches the training of its fold: the weights are the same, bit for bit."""

import jax
import numpy as np
import pytest
import worlds
from flax import linen as nn

from ethnicmer_jax.base.schema import ETHNICITIES
from ethnicmer_jax.models import registry
from ethnicmer_jax.models.backbones.ststnet import STSTNet
from ethnicmer_jax.training import batches

DATA = worlds.world()
HELD_OUT = 0
"""A clip of the first person, whom fold 0 holds out and fold 4 trains on."""
FOLDS = [0, 4]

PIXELS = {"flow": 5 * worlds.flow(2, seed=99)}
LABEL = {"emotion": worlds.EMOTIONS.index("surprise")}
ETHNICITY = {"ethnicity": ETHNICITIES.index("White")}


def trained(folder, data, **overrides):
    """The final state of both folds, as a checkpoint holds it."""
    made = worlds.config(
        data__mirror=True,
        loss__class_balanced=True,
        loss__ethnic_balanced=True,
        engine__devices=1,
        engine__folds_in_flight=2,
        checkpoint__keep="final",
        **overrides,
    )
    engine = worlds.engine(made, data, FOLDS)
    engine.train(folder)
    return jax.tree.map(lambda *states: np.stack(states), *dict(engine.states(folder)).values())


def differing(left, right, row):
    """Names of the arrays of a fold that are not the same bit for bit."""
    pairs = zip(jax.tree_util.tree_leaves_with_path(left), jax.tree.leaves(right), strict=True)
    differ = [path for (path, a), b in pairs if not np.array_equal(a[row], b[row])]
    return [jax.tree_util.keystr(path) for path in differ]


def leaks(tmp_path, change, before=None, **overrides):
    """Arrays that a change of the held-out clip moves: in its fold, and in the other one."""
    before = before or trained(tmp_path / "before", DATA, **overrides)
    after = trained(tmp_path / "after", worlds.changed(DATA, HELD_OUT, **change), **overrides)
    return differing(before, after, 0), differing(before, after, 1)


@pytest.fixture(scope="module", params=["none", "embed", "concat"])
def unchanged(request, tmp_path_factory):
    """A fusion, and what its folds learn from the data as they are."""
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, trained(folder, DATA, model__fusion=request.param)


@pytest.mark.parametrize("change", [PIXELS, LABEL, ETHNICITY], ids=["pixels", "label", "ethnicity"])
def test_a_held_out_clip_leaves_the_weights_of_its_fold_alone(tmp_path, unchanged, change):
    fusion, before = unchanged
    inside, outside = leaks(tmp_path, change, before, model__fusion=fusion)
    assert inside == []
    # The change is real: the fold that trains on the clip learns something else.
    assert bool(outside) == (fusion != "none" or change is not ETHNICITY)


@pytest.fixture
def held_out_in_the_batches(monkeypatch):
    """Fills the empty places of every batch with held-out clips instead of training clips."""
    honest = batches.epoch

    def epoch(folds, *arguments):
        made = honest(folds, *arguments)
        for row, test in enumerate(folds.test):
            made.index[row][made.weight[row] == 0] = np.flatnonzero(test)[0]
        return made

    monkeypatch.setattr(batches, "epoch", epoch)


class LeakySTSTNet(nn.Module):
    """STSTNet whose BatchNorm counts every example of a batch, whatever its weight."""

    dtype: jax.typing.DTypeLike = np.float32

    def setup(self):
        self.honest = STSTNet()

    def __call__(self, x, *, train, weight=None):
        return self.honest(x, train=train)


def test_weight_zero_keeps_held_out_clips_out(tmp_path, held_out_in_the_batches):
    inside, _ = leaks(tmp_path, PIXELS)
    assert inside == []


def test_a_leaky_batch_norm_is_caught(tmp_path, held_out_in_the_batches, monkeypatch):
    leaky = registry.BackboneSpec(LeakySTSTNet, 28, minimum=28)
    monkeypatch.setitem(registry.BACKBONES, "ststnet", leaky)
    inside, _ = leaks(tmp_path, PIXELS)
    # The running averages show it first, and the weights follow.
    assert any("batch_stats" in name for name in inside)
    assert any("params" in name for name in inside)
