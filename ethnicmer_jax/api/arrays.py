"""Flow in memory as clips of a data set."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from ethnicmer_jax.base.schema import EMOTIONS, ETHNICITIES, UNKNOWN
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.predict.inputs import OWN, SOMEBODY, UNCODED


def clips(flow: Float32[np.ndarray, "clips height width 3"], unit: str) -> Dataset:
    """Clips of which nothing but their flow is known, in the order given.

    Args:
      flow: float32 [n, H, W, 3]; u, v, optical strain.
      unit: one of `schema.FLOW_UNITS`.
    """
    n = len(flow)

    def texts(value: str) -> np.ndarray:
        return np.full(n, value)

    return Dataset(
        flow=np.ascontiguousarray(flow, np.float32),
        flow_unit=texts(unit),
        onset_image=None,
        apex_image=None,
        emotion=np.full(n, EMOTIONS.index(UNCODED), np.int32),
        raw_emotion=texts(""),
        ethnicity=np.full(n, ETHNICITIES.index(UNKNOWN), np.int32),
        database=texts(OWN),
        subject=texts(SOMEBODY),
        clip=np.array([f"{number:06d}" for number in range(n)], np.str_),
        action_units=((),) * n,
        ethnicity_source=texts(""),
        ethnicity_agreement=np.full(n, math.nan, np.float32),
        gender=texts("unknown"),
        age_decade=np.full(n, -1, np.int32),
        fps=np.full(n, math.nan, np.float32),
        frames=np.full((n, 3), -1, np.int32),
        extra=tuple({} for _ in range(n)),
    )
