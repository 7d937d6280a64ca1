"""The TV-L1 flow of scikit-image, which the builder used up to November 2026."""

from __future__ import annotations

import numpy as np


def by_skimage(onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
    """Flow float32 [H, W, 2] in pixels, as `flow.compute`, of two grey frames uint8 [H, W]."""
    from skimage.registration import optical_flow_tvl1  # which today's workers do without

    scaled = (frame.astype(np.float32) / np.float32(255) for frame in (onset, apex))
    return np.stack(optical_flow_tvl1(*scaled, dtype=np.float32)[::-1], axis=-1)
