"""Eyes and mouth corners cut out of an aligned crop and put together to one image.

HTNet and Dual-ATME do that around detected landmarks. Crops are aligned here, so that pupils and
mouth corners lie at the same places in all of them, and nothing has to be detected.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.models.shapes import Array

EYE = (0.5, 0.0)
"""A pupil in face units (see `CropGeometry`)."""
MOUTH_CORNER = (0.41, 1.12)
"""A corner of an average mouth, in face units."""


def corners(side: int, margin: float) -> Int[np.ndarray, "2 2 2"]:
    """First row and column of each square part, in px.

    Args:
      side: of the image; a part has half of it.
      margin: share of its side that was added to the crop on every side.

    Returns:
      int [2, 2, 2]: image's left and right, eye and mouth corner, row and column.
    """
    points = np.array([[(s * x, y) for x, y in (EYE, MOUTH_CORNER)] for s in (-1, 1)])
    centres = np.floor(CropGeometry.of_margin(margin).to_crop(points) * side)[..., ::-1]
    half, quarter = side // 2, side // 4
    # A part stays within the image, as in HTNet's code.
    return np.clip(centres - quarter, 0, side - half).astype(int)


def assemble(
    x: Float[Array, "batch side side channels"], margin: float = 0.0
) -> Float[Array, "batch side side channels"]:
    """Puts the four parts of [batch, S, S, C], S even, side by side: one image of that size.

    The image's left half is above, its right half below; eyes left, mouth corners right, as in
    HTNet's code.
    """
    half = x.shape[1] // 2
    rows = [
        jnp.concatenate([x[:, i : i + half, j : j + half] for i, j in parts], axis=2)
        for parts in corners(x.shape[1], margin).tolist()
    ]
    return jnp.concatenate(rows, axis=1)
