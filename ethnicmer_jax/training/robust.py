"""Worst-group training: strata whose loss is high count more and more.

Reference: Sagawa et al., Distributionally Robust Neural Networks for Group Shifts, ICLR 2020,
algorithm 1: exponentiated gradient ascent on the weights of strata, in every step.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int

from ethnicmer_jax.models.shapes import Array

_ABSENT = -1e9
"""Log weight of a stratum that a fold does not train on."""


def initial(there: Bool[Array, " strata"]) -> Float[Array, " strata"]:
    """Log weights before training: all strata that there are count the same."""
    return jax.nn.log_softmax(jnp.where(there, 0.0, _ABSENT))


def weighed(
    each: Float[Array, " batch"],
    weight: Float[Array, " batch"],
    stratum: Int[Array, " batch"],
    log_weights: Float[Array, " strata"],
    step: float,
) -> tuple[Float[Array, ""], Float[Array, " strata"]]:
    """The weighed sum of the strata's mean losses, and the log weights after the step.

    A stratum without a clip in the batch has no loss there: it keeps its log weight, and the
    others share the weight of 1. Clips in no stratum count as the share of the batch that they
    are.

    Args:
      each: float32 [batch], loss of each example.
      weight: float32 [batch], of each example within its stratum; 0 for none.
      stratum: int32 [batch], -1 for none.
      log_weights: float32 [strata], of the step before.
      step: how far they follow the losses.

    Returns:
      The loss, float32 [], and the new log weights, float32 [strata]; no gradient flows
      through these.
    """
    count = log_weights.shape[0]
    # Clips in no stratum have the last column.
    member = jax.nn.one_hot(jnp.where(stratum < 0, count, stratum), count + 1) * weight[:, None]
    totals = member.sum(0)
    means = (each @ member) * (1 / jnp.maximum(totals, 1e-8))
    here = totals[:count] > 0
    ahead = log_weights + step * jax.lax.stop_gradient(means[:count]) * here
    # Without its quotient, which XLA rounds otherwise on several devices.
    shares = jnp.exp(jax.nn.log_softmax(jnp.where(here, ahead, _ABSENT)))
    share = totals[count] * (1 / jnp.maximum(totals.sum(), 1e-8))
    loss = (1 - share) * (shares * means[:count]).sum() + share * means[count]
    return loss, jax.nn.log_softmax(ahead)
