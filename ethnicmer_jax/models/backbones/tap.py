"""Where Grad-CAM reaches into a backbone: its feature maps, under the same names in all.

Nothing is added to the variables, and training computes what it computed without it.
"""

from __future__ import annotations

from flax import linen as nn

from ethnicmer_jax.models.shapes import FeatureMap

MAPS = "intermediates"
"""Collection in which `apply(..., mutable=[MAPS])` returns the maps."""
SHIFTS = "perturbations"
"""Collection of additions to the maps: the gradient with respect to one is the map's."""
LAST = "last"
"""The last feature map of every backbone; those with stages have a map `stage1`, ... of each."""


def tap(module: nn.Module, x: FeatureMap, name: str = LAST) -> FeatureMap:
    """Shows a feature map to whoever asks for it, and lets it be shifted.

    Flax's own `perturb` would add a variable when parameters are made.

    Args:
      module: the backbone.
      x: float [batch, h, w, channels].
      name: LAST, or `stage1` and so on.

    Returns:
      x, plus the variable `name` of SHIFTS where there is one.
    """
    module.sow(MAPS, name, x, init_fn=lambda: None, reduce_fn=lambda _, new: new)
    if module.has_variable(SHIFTS, name):
        x = x + module.get_variable(SHIFTS, name)
    return x
