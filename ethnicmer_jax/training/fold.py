"""One fold: how it starts, learns for an epoch, and predicts; no loop over folds here."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax
from flax import struct
from jaxtyping import Array, Float, Int

from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.models import branch_weights, registry
from ethnicmer_jax.models.classifier import EthnicAwareClassifier, FixedFeatures
from ethnicmer_jax.models.fusion import Outputs
from ethnicmer_jax.models.shapes import Leaf
from ethnicmer_jax.training import augment, losses, optim, robust, standardised
from ethnicmer_jax.training.batches import Constants
from ethnicmer_jax.training.device_data import Resident
from ethnicmer_jax.training.pretrained import Start
from ethnicmer_jax.training.standardised import Statistics


@struct.dataclass
class FoldState:
    """What training changes, and what a checkpoint holds.

    Attributes:
      params: of the classifier; frozen backbones are not among them.
      batch_stats: running averages of BatchNorm, likewise.
      opt_state: of the optimizer.
      step: int32 [], steps taken.
      average: moving averages of `params` and `batch_stats`, in that order, which predict
        in their place; None where the last ones do.
      robust: float32 [strata], their log weights in worst-group training; None without.
      flow: branch -> the `Statistics` that its flow is standardised by, which training does not
        change; None where none is.
    """

    params: Any
    batch_stats: Any
    opt_state: Any
    step: Leaf
    average: Any = None
    robust: Leaf | None = None
    flow: Any = None

    @property
    def variables(self) -> dict[str, Any]:
        """What predicts, as Linen's `apply` wants it."""
        params, stats = self.average or (self.params, self.batch_stats)
        return {"params": params, "batch_stats": stats}

    def completed(self, starts: Mapping[str, Start]) -> FoldState:
        """What predicts, with the frozen backbones, which training and checkpoints do not hold."""
        params, stats = map(dict, self.variables.values())
        for branch, start in starts.items():
            if start.frozen:
                module = f"{branch}_backbone"
                params[module] = start.weights.variables["params"]
                if "batch_stats" in start.weights.variables:
                    stats[module] = start.weights.variables["batch_stats"]
        return dataclasses.replace(self, params=params, batch_stats=stats, average=None)


@struct.dataclass
class Sums:
    """Totals over the examples of an epoch; divide by `examples`."""

    losses: dict[str, Leaf]
    correct: Leaf
    examples: Leaf


@dataclasses.dataclass(frozen=True)
class Learner:
    """The classifier with everything that it takes to train it on one fold.

    Attributes:
      model: the classifier.
      loss: weights of the summed loss.
      optimizer: Adam, without its learning rate.
      mirror: whether half of the training examples are mirrored at random; the
        resident images then hold both copies, and predictions average both.
      augmented: how the flow of training examples is changed at random.
      averaging: decay per step of the moving average of the weights; 0 for none.
      eval_batch: clips predicted at a time.
    """

    model: EthnicAwareClassifier
    loss: losses.LossConfig
    optimizer: optax.GradientTransformation
    mirror: bool = False
    augmented: augment.Ranges = augment.NONE
    averaging: float = 0.0
    eval_batch: int = 16

    @classmethod
    def of(cls, config: ml_collections.ConfigDict, targets: Targets) -> Learner:
        """The classifier that a config describes, with its loss and optimizer.

        Raises:
          UserError: there is no such classifier.
        """
        sizes = {
            "n_emotions": len(targets.emotion_names),
            "n_ethnicities": len(targets.ethnic_names),
        }
        model = registry.build(config.model.to_dict() | sizes)
        loss = losses.LossConfig(
            config.loss.emotion_weight,
            config.loss.ethnic_weight,
            config.loss.label_smoothing,
            config.loss.prior_adjustment,
            config.loss.balanced_over != "none",
            config.loss.robust != "none",
            config.loss.robust_step,
        )
        return _learner(
            model,
            loss,
            config.optim.weight_decay,
            config.data.mirror,
            augment.Ranges.of(config),
            config.optim.averaging,
        )

    def init(self, constants: Constants, data: Resident) -> FoldState:
        """Fresh parameters from the fold's own stream, or from weights where there are any."""
        example = self._inputs(data, jnp.zeros(1, jnp.int32), jnp.zeros(1, jnp.int32))
        key = jax.random.fold_in(_stream(constants), _INIT)
        variables = self.model.init(key, example, train=False)
        for branch, weights in data.weights.items():
            frozen = isinstance(data.images[branch], FixedFeatures)
            graft = branch_weights.graft_head if frozen else branch_weights.graft
            variables, _ = graft(variables, branch, weights)
        params, stats = variables["params"], variables.get("batch_stats", {})
        average = (params, stats) if self.averaging else None
        strata = robust.initial(constants.strata_there) if self.loss.robust else None
        optimizer = self.optimizer.init(params)
        step, flow = jnp.int32(0), constants.flow
        return FoldState(params, stats, optimizer, step, average, strata, flow)

    def epoch(
        self,
        state: FoldState,
        constants: Constants,
        index: Int[Array, "room batch"],
        weight: Float[Array, "room batch"],
        steps: Int[Array, ""],
        rate: Float[Array, ""],
        data: Resident,
    ) -> tuple[FoldState, Sums]:
        """Trains on one epoch.

        Args:
          state: before it.
          constants: of the fold.
          index: int32 [room, batch], see `batches.Epoch`.
          weight: float32 [room, batch].
          steps: int32 [], how many of the `room` steps are taken.
          rate: float32 [], the epoch's learning rate.
          data: of all clips.

        Returns:
          The state after it, and the sums over its examples, measured while training.
        """

        def one(i: jax.Array, carry: tuple[FoldState, Sums]) -> tuple[FoldState, Sums]:
            state, sums = carry
            state, more = self._step(state, constants, data, index[i], weight[i], rate)
            return state, jax.tree.map(jnp.add, sums, more)

        like = jax.eval_shape(self._step, state, constants, data, index[0], weight[0], rate)[1]
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), like)
        return jax.lax.fori_loop(0, steps, one, (state, zeros))

    def predict(
        self, state: FoldState, constants: Constants, data: Resident
    ) -> dict[str, Float[Array, "test _"]]:
        """Probabilities for the fold's test clips, in evaluation mode.

        Returns:
          "p": float32 [t, classes]; "q": float32 [t, ethnicities] where the model has
          an ethnic head. Rows from `n_test` on mean nothing.
        """
        room = len(constants.test) // self.eval_batch

        def one(i: jax.Array, out: dict[str, jax.Array]) -> dict[str, jax.Array]:
            clips = jax.lax.dynamic_slice_in_dim(
                constants.test, i * self.eval_batch, self.eval_batch
            )
            block = self.probabilities(state, data, clips)
            return jax.tree.map(
                lambda o, b: jax.lax.dynamic_update_slice_in_dim(o, b, i * self.eval_batch, 0),
                out,
                block,
            )

        like = jax.eval_shape(self.probabilities, state, data, constants.test[: self.eval_batch])
        zeros = jax.tree.map(lambda x: jnp.zeros((room * x.shape[0], x.shape[1]), x.dtype), like)
        blocks = (constants.n_test + self.eval_batch - 1) // self.eval_batch
        return jax.lax.fori_loop(0, blocks, one, zeros)

    def probabilities(
        self, state: FoldState, data: Resident, clips: Int[Array, " clips"]
    ) -> dict[str, Float[Array, "clips _"]]:
        """Class probabilities of some clips; the mean over both copies with `mirror`."""

        def of_copy(copy: int) -> dict[str, jax.Array]:
            inputs = self._inputs(data, clips, jnp.full_like(clips, copy), state.flow)
            outputs = self.model.apply(state.variables, inputs, train=False)
            heads = {"p": outputs.logits, "q": outputs.ethnic_logits}
            return {name: jax.nn.softmax(x) for name, x in heads.items() if x is not None}

        if not self.mirror:
            return of_copy(0)
        return jax.tree.map(lambda a, b: (a + b) / 2, of_copy(0), of_copy(1))

    def features(
        self, state: FoldState, data: Resident, clips: Int[Array, " clips"]
    ) -> Float[Array, "clips features"]:
        """What the final head reads of some clips, in evaluation mode and not mirrored.

        Args:
          state: of a fold.
          data: of all clips.
          clips: int32 [m].

        Returns:
          float32 [m, d].
        """
        inputs = self._inputs(data, clips, jnp.zeros_like(clips), state.flow)
        return self.model.apply(state.variables, inputs, train=False).features

    def _step(
        self,
        state: FoldState,
        constants: Constants,
        data: Resident,
        clips: Int[Array, " batch"],
        weight: Float[Array, " batch"],
        rate: Float[Array, ""],
    ) -> tuple[FoldState, Sums]:
        key = jax.random.fold_in(_stream(constants), state.step)
        copies = jnp.zeros(clips.shape, jnp.int32)
        if self.mirror:
            coin = jax.random.bernoulli(jax.random.fold_in(key, _MIRROR), shape=clips.shape)
            copies = coin.astype(jnp.int32)
        inputs = self._inputs(data, clips, copies, state.flow)
        for branch in self.augmented.branches:
            if branch in inputs:
                # Branches that see the same flow see it changed in the same way.
                own = jax.random.fold_in(key, _AUGMENT)
                inputs[branch] = augment.augmented(own, inputs[branch], self.augmented)
        emotion, ethnic = data.emotion[clips], data.ethnic[clips]
        counted = weight
        if self.loss.balanced:
            counted = weight * constants.stratum_weights[data.stratum[clips]]

        def loss(params: Any) -> tuple[jax.Array, tuple[Any, Outputs, dict[str, jax.Array], Any]]:
            outputs, new = self.model.apply(
                {"params": params, "batch_stats": state.batch_stats},
                inputs,
                train=True,
                weight=weight,
                rngs={"dropout": key},
                mutable=["batch_stats"],
            )
            total, parts = losses.summed(
                self.loss,
                outputs,
                emotion,
                ethnic,
                counted,
                constants.emotion_weights,
                constants.emotion_shares,
                constants.ethnic_weights,
            )
            weights = None
            if self.loss.robust:
                final, weights = robust.weighed(
                    losses.cross_entropies(
                        losses.in_training(self.loss, outputs.logits, constants.emotion_shares),
                        emotion,
                        self.loss.label_smoothing,
                    ),
                    counted * constants.emotion_weights[emotion],
                    data.stratum[clips],
                    state.robust,
                    self.loss.robust_step,
                )
                total += final - parts["final"]
                parts["final"] = final
            aux = new.get("batch_stats", {}), outputs, {"loss": total, **parts}, weights
            return total, aux

        gradient, (stats, outputs, parts, weights) = jax.grad(loss, has_aux=True)(state.params)
        updates, opt_state = self.optimizer.update(gradient, state.opt_state, state.params)
        params = optim.step(state.params, updates, rate)
        count = weight.sum()
        right = (outputs.logits.argmax(-1) == emotion) * weight
        sums = Sums({name: part * count for name, part in parts.items()}, right.sum(), count)
        average = optim.moving_average(state.average, (params, stats), state.step, self.averaging)
        step = state.step + 1
        return FoldState(params, stats, opt_state, step, average, weights, state.flow), sums

    def _inputs(
        self,
        data: Resident,
        clips: Int[Array, " clips"],
        copies: Int[Array, " clips"],
        flow: dict[str, Statistics] | None = None,
    ) -> dict[str, Any]:
        rows = clips + copies * len(data.emotion)
        images = jax.tree.map(functools.partial(_gathered, rows), data.images)
        if flow is not None:
            images = standardised.apply(images, flow, data.database[clips])
        return {**images, "ethnicity": data.ethnic[clips]}


@functools.lru_cache(maxsize=8)
def _learner(
    model: EthnicAwareClassifier,
    loss: losses.LossConfig,
    weight_decay: float,
    mirror: bool,
    augmented: augment.Ranges,
    averaging: float,
) -> Learner:
    """The same object for the same model and settings: what is compiled for it is so once."""
    optimizer = optim.directions(weight_decay, model.fusion.paces)
    return Learner(model, loss, optimizer, mirror, augmented, averaging)


def _gathered(rows: Int[Array, " batch"], images: jax.Array) -> jax.Array:
    """Some rows of an array of any shape."""
    # One long axis, because XLA's loops over short ones are slow: a step of STSTNet on a CPU takes
    # 5% less. Rows come from the fold table: checking their range would cost a pass.
    flat = images.reshape(len(images), -1).at[rows].get(mode="promise_in_bounds")
    return flat.reshape(len(rows), *images.shape[1:])


_INIT, _MIRROR, _AUGMENT = 0xFFFFFFFF, 1, 2
"""Branches of a fold's stream beside its steps."""


def _stream(constants: Constants) -> jax.Array:
    key = jax.random.key(0)
    for number in constants.identity:
        key = jax.random.fold_in(key, number)
    return key
