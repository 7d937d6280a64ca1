"""Numbers that a network can be trained from or predict with: the one place that refuses others.

A file that was damaged, a training that diverged or somebody with a bad intention may leave NaN,
huge numbers or variances below zero. They end in probabilities that are none, after all the work.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from ethnicmer_jax.base.schema import UserError

LARGEST = 1e9
"""Of the absolute values of weights and of running means and variances; far above any in use."""


def check(where: str, tree: Any) -> None:
    """Refuses weights that no network can have.

    Args:
      where: whose they are, such as the path of a file, for the message.
      tree: "params" and "batch_stats", whatever they lie in; the running variances of BatchNorm
        have names that end in "var", Flax's and PyTorch's alike.

    Raises:
      UserError: a number is not finite, larger than LARGEST, or a variance below zero.
    """
    for place, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        names = [_name(key) for key in place]
        if fault := _fault(np.asarray(leaf), names[-1].endswith("var")):
            raise UserError(
                f"{where} cannot be used: {'/'.join(names)} {fault}; take another one, or train it "
                "again"
            )


def _name(key: Any) -> str:
    return str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key))))


def _fault(array: np.ndarray, variance: bool) -> str:
    if not np.issubdtype(array.dtype, np.floating) and array.dtype.name != "bfloat16":
        return f"holds {array.dtype.name}, no weights"
    low, high = (float(edge(array)) if array.size else 0.0 for edge in (np.min, np.max))
    if not (np.isfinite(low) and np.isfinite(high)):
        return "holds NaN or infinity"
    if max(-low, high) > LARGEST:
        return f"holds {max(-low, high):.3g}, more than any trained weight"
    return f"holds the variance {low:.3g}, below zero" if variance and low < 0 else ""
