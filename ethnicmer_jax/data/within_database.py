"""What flow is standardised by within a database: means and deviations over training clips.

Every pixel of a channel has its mean over a database's training clips taken away, and every
channel is divided by its standard deviation around these means. Both are of a fold's training
clips alone, mirrored copies included. Clips of a database that the fold does not train on, or
that nobody knows, are standardised by all of its training clips.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

MODES = ("none", "database")
"""What flow may be standardised within."""

_STILL = 1e-6
"""Standard deviation of a channel in which nothing moves."""


def statistics(
    flow: Float32[np.ndarray, "copies clips size size 3"],
    database: Int[np.ndarray, " clips"],
    databases: int,
    train: Bool[np.ndarray, " clips"],
) -> tuple[
    Float32[np.ndarray, "{databases}+1 size size 3"], Float32[np.ndarray, "{databases}+1 3"]
]:
    """Those of one fold: of every database and, last, of all clips.

    Args:
      flow: float32 [copies, n, S, S, 3], as it is, then mirrored or not at all.
      database: int [n], -1 for another one.
      databases: how many there are.
      train: bool [n], the fold's training clips. Where there are none, nothing is standardised.

    Returns:
      Means, and one over the standard deviations; 1 where nothing moves.
    """
    mean = np.zeros((databases + 1, *flow.shape[2:]), np.float32)
    inverse = np.ones((databases + 1, flow.shape[-1]), np.float32)
    for number in range(databases + 1 if train.any() else 0):
        chosen = train & (database == number)
        mean[number], inverse[number] = _of_clips(flow[:, chosen if chosen.any() else train])
    return mean, inverse


def standardised(
    flow: Float32[np.ndarray, "copies clips size size 3"],
    database: Int[np.ndarray, " clips"],
    databases: int,
    train: Bool[np.ndarray, " clips"],
) -> Float32[np.ndarray, "copies clips size size 3"]:
    """All clips, standardised by the statistics of one fold; arguments as of `statistics`."""
    mean, inverse = statistics(flow, database, databases, train)
    return (flow - mean[database]) * inverse[database][:, None, None, :]


def _of_clips(
    flow: Float32[np.ndarray, "copies clips size size 3"],
) -> tuple[Float[np.ndarray, "size size 3"], Float[np.ndarray, " 3"]]:
    values = flow.astype(np.float64)
    mean = values.mean((0, 1))
    deviation = np.sqrt(np.square(values - mean).mean((0, 1, 2, 3)))
    return mean, np.where(deviation > _STILL, 1 / np.maximum(deviation, _STILL), 1.0)
