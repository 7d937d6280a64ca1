"""Which settings of a config tell databases or groups apart, and what folds leave of them."""

from __future__ import annotations

from collections.abc import Iterator

import ml_collections
import numpy as np
from jaxtyping import Int

from ethnicmer_jax.data import targets


def by_database(config: ml_collections.ConfigDict) -> Iterator[str]:
    """Each setting that depends on which databases there are, as `name=value`."""
    if targets.target_of(config.model) == "database":
        yield "model.adversarial_target=database"
    if config.data.standardise != "none":
        yield f"data.standardise={config.data.standardise}"
    for name in ("balanced_over", "robust"):
        if "database" in config.loss[name]:
            yield f"loss.{name}={config.loss[name]}"


def by_group(config: ml_collections.ConfigDict) -> Iterator[str]:
    """Each setting of training that weighs groups, as `name=value`."""
    for name in ("balanced_over", "robust"):
        if "group" in config.loss[name]:
            yield f"loss.{name}={config.loss[name]}"


def note_of_one(what: str, trained_on: Int[np.ndarray, " folds"]) -> str:
    """What is to be known of folds in which a setting changes nothing; "" where there are none.

    Args:
      what: the setting, as `name=value`.
      trained_on: how many of the things that it tells apart each fold trains on.
    """
    alone = int((trained_on < 2).sum())
    if not alone:
        return ""
    return f"{what} changes nothing in {alone} of {len(trained_on)} folds: they train on one alone"
