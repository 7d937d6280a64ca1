"""One fold by itself: jitted, without grid and engine."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import worlds

from ethnicmer_jax.data import targets
from ethnicmer_jax.protocols import build
from ethnicmer_jax.training import batches, device_data
from ethnicmer_jax.training.fold import Learner

DATA = worlds.world()


class Bench:
    """The folds of the small world with everything that training them takes."""

    def __init__(self, **overrides):
        self.config = worlds.config(**overrides)
        plan = build(self.config.protocol, DATA, 0)
        labels = targets.build(DATA, self.config.model.ethnic_target, plan.grouping)
        self.folds = plan.folds
        self.learner = Learner.of(self.config, labels)
        self.data = device_data.build(self.config, DATA, labels, self.learner.model, {}, 16)
        self._constants = batches.constants(self.config, labels, plan.folds, 16)
        self.init = jax.jit(self.learner.init)
        self.epoch = jax.jit(self.learner.epoch)
        self.predict = jax.jit(self.learner.predict)

    def constants(self, row=0):
        return jax.tree.map(lambda x: jnp.asarray(x[row]), self._constants)

    def start(self, row=0):
        return self.init(self.constants(row), self.data)

    def order(self, row=0, number=0):
        room = batches.steps_per_epoch(self.folds, 8)
        made = batches.epoch(self.folds.select([row]), number, 8, room)
        return made.index[0], made.weight[0], made.steps[0]

    def trained(self, state=None, row=0, steps=None, rate=1e-2, number=0):
        index, weight, used = self.order(row, number)
        return self.epoch(
            state or self.start(row),
            self.constants(row),
            index,
            weight,
            np.int32(used if steps is None else steps),
            np.float32(rate),
            self.data,
        )


@pytest.fixture(scope="module")
def bench():
    return Bench(model__fusion="mtl")


def same(left, right):
    return all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), left, right)))


def test_a_fold_starts_from_its_own_stream(bench):
    assert same(bench.start(0), bench.start(0))
    assert not same(bench.start(0).params, bench.start(1).params)


def test_no_step_changes_nothing(bench):
    before = bench.start()
    after, sums = bench.trained(before, steps=0)
    assert same(before, after)
    assert sums.examples == 0


def test_an_epoch_counts_every_training_clip_once(bench):
    after, sums = bench.trained()
    # 15 of the 18 clips in batches of 8.
    assert after.step == 2
    assert sums.examples == 15
    assert 0 <= sums.correct <= 15
    assert set(sums.losses) == {"loss", "final", "ethnic"}
    assert sums.losses["loss"] == pytest.approx(
        float(sums.losses["final"] + sums.losses["ethnic"]), rel=1e-5
    )


def test_training_lowers_the_loss(bench):
    state, first = bench.trained(rate=3e-3)
    for number in range(1, 8):
        state, last = bench.trained(state, rate=3e-3, number=number)
    assert last.losses["final"] < 0.7 * first.losses["final"]


def test_what_fills_a_batch_up_has_no_effect(bench):
    index, weight, steps = bench.order()
    spare = weight == 0
    assert spare.any()
    other = np.where(spare, np.flatnonzero(bench.folds.test[0])[0], index).astype(np.int32)
    arguments = (weight, np.int32(steps), np.float32(1e-2), bench.data)
    one, _ = bench.epoch(bench.start(), bench.constants(), index, *arguments)
    two, _ = bench.epoch(bench.start(), bench.constants(), other, *arguments)
    assert same(one, two)


def test_predictions_are_probabilities_of_the_test_clips(bench):
    state, _ = bench.trained()
    heads = bench.predict(state, bench.constants(), bench.data)
    assert heads["p"].shape == (16, 3)
    assert heads["q"].shape == (16, 5)
    for head in heads.values():
        np.testing.assert_allclose(head[:3].sum(1), 1, rtol=1e-5)


def test_more_test_clips_than_a_block_holds_are_all_predicted(bench):
    constants = bench.constants()
    clips = jnp.arange(18, dtype=jnp.int32)
    many = constants.replace(test=jnp.resize(clips, 32), n_test=jnp.int32(18))
    state = bench.start()
    found = bench.predict(state, many, bench.data)["p"]
    expected = bench.learner.probabilities(state, bench.data, clips)["p"]
    np.testing.assert_allclose(found[:18], expected, rtol=1e-5)


def test_predictions_average_both_copies(bench):
    state, _ = bench.trained()
    clips = jnp.array([0, 5])
    assert bench.config.data.mirror
    pixels = bench.data.images["emotion"]

    def of_copy(rows):
        inputs = {"emotion": jax.tree.map(lambda x: x[rows], pixels)}
        return jax.nn.softmax(
            bench.learner.model.apply(state.variables, inputs, train=False).logits
        )

    copies = of_copy(clips), of_copy(clips + len(DATA))
    found = bench.learner.probabilities(state, bench.data, clips)["p"]
    np.testing.assert_allclose(found, (copies[0] + copies[1]) / 2, rtol=1e-5)


@pytest.fixture(scope="module")
def averaged():
    """A fold whose flow is augmented and whose weights are averaged; nothing else is random."""
    return Bench(
        augment__rotation=10.0, augment__region=0.3, optim__averaging=0.9,
        data__mirror=False, model__dropout=0.0,
    )  # fmt: skip


def close(left, right):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), left, right)


def test_every_step_augments_anew_and_repeats(averaged):
    start = averaged.start()
    once, _ = averaged.trained(start)
    assert same(once, averaged.trained(start)[0])
    later, _ = averaged.trained(start.replace(step=jnp.int32(100)))
    assert not same(once.params, later.params)


def test_averaged_weights_predict_and_last_ones_are_trained_on(averaged):
    one, _ = averaged.trained(steps=1)
    close(one.variables["params"], one.params)
    two, _ = averaged.trained(steps=2)
    middle = jax.tree.map(lambda a, b: (a + b) / 2, one.params, two.params)
    close(two.variables["params"], middle)
    whole = two.completed({})
    assert whole.average is None
    assert same(whole.variables, two.variables)


def test_without_mirroring_there_is_one_copy():
    plain = Bench(data__mirror=False)
    assert jax.tree.leaves(plain.data.images)[0].shape[0] == len(DATA)
    assert set(plain.predict(plain.start(), plain.constants(), plain.data)) == {"p"}
