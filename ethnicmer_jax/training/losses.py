"""The training loss: cross-entropies of the final, the emotion and the ethnic head."""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float, Int

from ethnicmer_jax.models.fusion import Outputs
from ethnicmer_jax.models.shapes import Array


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """Weights of the summed loss (Khor et al. 2025: all 1).

    Attributes:
      emotion_weight: of the emotion branch's own cross-entropy.
      ethnic_weight: of the ethnic branch's cross-entropy.
      label_smoothing: share of a label spread over all classes, in [0, 1).
      prior_adjustment: how many times the log share of each class the logits take in
        training (Menon et al., "Long-tail learning via logit adjustment", ICLR 2021: 1). What
        the shares explain is then not learnt, so that predictions, which do without, are those
        for classes of equal size.
      balanced: whether every stratum counts the same.
      robust: whether the worst stratum counts most, see `robust.weighed`.
      robust_step: how fast the weights of strata follow their losses.
    """

    emotion_weight: float = 1.0
    ethnic_weight: float = 1.0
    label_smoothing: float = 0.0
    prior_adjustment: float = 0.0
    balanced: bool = False
    robust: bool = False
    robust_step: float = 0.0


def summed(
    config: LossConfig,
    outputs: Outputs,
    emotion: Int[Array, " batch"],
    ethnic: Int[Array, " batch"],
    weight: Float[Array, " batch"],
    emotion_weights: Float[Array, " classes"],
    emotion_shares: Float[Array, " classes"],
    ethnic_weights: Float[Array, " ethnicities"],
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """CE(final) + w_e CE(emotion) + w_c CE(ethnicity), over the heads that exist.

    Args:
      config: the weights.
      outputs: of the classifier.
      emotion: int32 [batch].
      ethnic: int32 [batch], -1 for Unknown, which the ethnic term leaves out.
      weight: float32 [batch], 0 for examples that do not count.
      emotion_weights: float32 [classes], 1 or balancing weights.
      emotion_shares: float32 [classes], log of the share of each class in training.
      ethnic_weights: float32 [ethnicities], 1 or balancing weights.

    Returns:
      The loss, float32 [], and its parts by name.
    """
    smooth = config.label_smoothing
    weighted = weight * emotion_weights[emotion]

    def of_emotion(logits: Float[Array, "batch classes"]) -> Float[Array, ""]:
        return cross_entropy(in_training(config, logits, emotion_shares), emotion, weighted, smooth)

    parts = {"final": of_emotion(outputs.logits)}
    total = parts["final"]
    if outputs.emotion_logits is not None:
        parts["emotion"] = of_emotion(outputs.emotion_logits)
        total += config.emotion_weight * parts["emotion"]
    if outputs.ethnic_logits is not None:
        known = weight * (ethnic >= 0) * ethnic_weights[jnp.maximum(ethnic, 0)]
        target = jnp.maximum(ethnic, 0)
        parts["ethnic"] = cross_entropy(outputs.ethnic_logits, target, known, smooth)
        total += config.ethnic_weight * parts["ethnic"]
    return total, parts


def of_guessing(config: LossConfig, emotions: int, ethnicities: int) -> dict[str, float]:
    """What the parts add to the loss of a classifier that gives every class the same probability.

    About where an untrained one starts, whatever the weights of examples and classes.

    Args:
      config: the weights.
      emotions: how many classes; log 2 is the least that is taken for either.
      ethnicities: the same of the ethnic head.

    Returns:
      "final", "emotion" and "ethnic" -> weighted cross-entropy, also of heads that do not exist.
    """
    emotion, ethnic = math.log(max(emotions, 2)), math.log(max(ethnicities, 2))
    return {
        "final": emotion,
        "emotion": config.emotion_weight * emotion,
        "ethnic": config.ethnic_weight * ethnic,
    }


def in_training(
    config: LossConfig,
    logits: Float[Array, "batch classes"],
    emotion_shares: Float[Array, " classes"],
) -> Float[Array, "batch classes"]:
    """Logits of emotions with the share of each class in them, see `prior_adjustment`."""
    if config.prior_adjustment:
        return logits + config.prior_adjustment * emotion_shares
    return logits


def cross_entropy(
    logits: Float[Array, "batch classes"],
    labels: Int[Array, " batch"],
    weight: Float[Array, " batch"],
    smoothing: float,
) -> Float[Array, ""]:
    """Weighted mean cross-entropy, as PyTorch weights it; 0 where no example counts.

    Args:
      logits: float32 [batch, classes].
      labels: int32 [batch].
      weight: float32 [batch].
      smoothing: label smoothing (Szegedy et al. 2016, section 7).
    """
    each = cross_entropies(logits, labels, smoothing)
    # XLA turns a quotient into a product or not as the number of devices has it; a product stays.
    return (each * weight).sum() * (1 / jnp.maximum(weight.sum(), 1e-8))


def cross_entropies(
    logits: Float[Array, "batch classes"], labels: Int[Array, " batch"], smoothing: float
) -> Float[Array, " batch"]:
    """The cross-entropy of each example, with smoothed labels."""
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return optax.softmax_cross_entropy(logits, targets)
