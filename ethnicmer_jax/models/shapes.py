"""The shapes of what passes between layers, as types; tests check them in every call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

import jax
import numpy as np
from jaxtyping import Float, Float32, Int

Array: TypeAlias = jax.Array | np.ndarray
"""NumPy arrays come from files of weights, and from calls that are not compiled."""
if TYPE_CHECKING:
    Leaf: TypeAlias = jax.Array
else:
    # JAX makes pytrees of stacked arrays, too, and of what stands for arrays.
    Leaf = Any
"""An array in a pytree, in the shape that the pytree's own documentation gives for one fold."""
Images: TypeAlias = Float[Array, "batch height width 3"]
FeatureMap: TypeAlias = Float[Array, "batch height width channels"]
Weight: TypeAlias = Float[Array, " batch"] | None
"""1 for examples that count, 0 for those that leave no trace; None where all count."""
Features: TypeAlias = Float32[Array, "batch features"]
Ethnicity: TypeAlias = Int[Array, " batch"]
"""Index of the ethnicity, -1 for Unknown."""


class Mode(TypedDict):
    """What every layer with BatchNorm or dropout is called with, beside its input."""

    train: bool
    weight: Weight
