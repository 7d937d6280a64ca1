"""Flow standardised within database, fold by fold: see `data.within_database`.

The statistics are part of a fold's state, so that they lie in its checkpoint and serve other
clips too.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import struct
from jaxtyping import Float32, Int

from ethnicmer_jax.data import within_database
from ethnicmer_jax.models.shapes import Array, Leaf
from ethnicmer_jax.protocols.clip_sets import ClipSets


@struct.dataclass
class Statistics:
    """Of the flow that a branch sees, for d databases and, last, for all clips.

    Attributes:
      mean: float32 [d + 1, S, S, 3].
      inverse: float32 [d + 1, 3], one over the standard deviation; 1 where nothing moves.
    """

    mean: Leaf
    inverse: Leaf


def branches(config: ml_collections.ConfigDict) -> tuple[str, ...]:
    """The branches whose flow is standardised."""
    if config.data.standardise == "none":
        return ()
    return tuple(b for b in ("emotion", "ethnic") if config.model[f"{b}_input"] == "flow")


def of_folds(
    images: Float32[np.ndarray, "images size size 3"],
    database: Int[np.ndarray, " clips"],
    databases: int,
    train: ClipSets,
) -> Statistics:
    """Those of f folds, with a leading axis of folds.

    Args:
      images: float32 [copies·n, S, S, 3], the n clips as they are, then mirrored or not at all.
      database: int [n], -1 for another one.
      databases: how many there are.
      train: the training clips of each fold.
    """
    flow = images.reshape(-1, len(database), *images.shape[1:])
    # Folds that train on the same clips, such as those of other seeds, have the same.
    first = {code: row for row, code in enumerate(train.codes)}
    of_code = {
        code: within_database.statistics(flow, database, databases, train[row])
        for code, row in first.items()
    }
    each = [of_code[code] for code in train.codes]
    return Statistics(*(np.stack(values) for values in zip(*each, strict=True)))


def apply(
    images: Mapping[str, Array],
    of_fold: Mapping[str, Statistics],
    database: Int[Array, " batch"],
) -> dict[str, Array]:
    """The images of a batch, standardised where a branch has statistics.

    Args:
      images: branch -> float32 [batch, S, S, 3].
      of_fold: branch -> statistics of one fold.
      database: int32 [batch], -1 for another one, which has the last row.
    """
    changed = dict(images)
    for branch, found in of_fold.items():
        mean, inverse = (
            jnp.take(x, database, axis=0, mode="wrap") for x in (found.mean, found.inverse)
        )
        changed[branch] = (images[branch] - mean) * inverse[:, None, None, :]
    return changed
