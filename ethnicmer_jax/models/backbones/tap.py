"""Where Grad-CAM reaches into a backbone: its last feature map, under one name in all.

Nothing is added to the variables, and training computes what it computed without it.
"""

from __future__ import annotations

import jax
from flax import linen as nn

MAPS = "intermediates"
"""Collection in which `apply(..., mutable=[MAPS])` returns the maps."""
SHIFTS = "perturbations"
"""Collection of additions to the maps: the gradient with respect to one is the map's."""
NAME = "feature_map"


def tap(module: nn.Module, x: jax.Array) -> jax.Array:
    """Shows a feature map to whoever asks for it, and lets it be shifted.

    Flax's own `perturb` would add a variable when parameters are made.

    Args:
      module: the backbone.
      x: float [batch, h, w, channels].

    Returns:
      x, plus the variable NAME of SHIFTS where there is one.
    """
    module.sow(MAPS, NAME, x, init_fn=lambda: None, reduce_fn=lambda _, new: new)
    if module.has_variable(SHIFTS, NAME):
        x = x + module.get_variable(SHIFTS, NAME)
    return x
