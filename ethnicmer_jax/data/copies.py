"""The copies of a clip that a classifier sees: as it is, and mirrored."""

from __future__ import annotations

import numpy as np

from ethnicmer_jax.data import inputs


def with_copies(images: np.ndarray, which: str, mirror: bool) -> np.ndarray:
    """Stacks images and their mirrored copies.

    Args:
      images: float32 [n, S, S, 3] of `inputs.images`.
      which: "flow" or "apex".
      mirror: whether there is a second copy.

    Returns:
      float32 [copies, n, S, S, 3].
    """
    return np.stack([images, inputs.mirrored(images, which)] if mirror else [images])
