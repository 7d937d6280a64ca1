"""The shapes of what passes between layers, as types; tests check them in every call."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Float, Float32, Int

Array = jax.Array | np.ndarray
"""NumPy arrays come from files of weights, and from calls that are not compiled."""
Images = Float[Array, "batch height width 3"]
FeatureMap = Float[Array, "batch height width channels"]
Weight = Float[Array, " batch"] | None
"""1 for examples that count, 0 for those that leave no trace; None where all count."""
Features = Float32[Array, "batch features"]
Ethnicity = Int[Array, " batch"]
"""Index of the ethnicity, -1 for Unknown."""
