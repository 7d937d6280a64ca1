"""Flow in memory as clips of a data set."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from ethnicmer_jax.base.schema import ETHNICITIES, UNKNOWN
from ethnicmer_jax.data.dataset import Dataset

DATABASE, SUBJECT = "array", "somebody"
"""Of clips that belong to no database, and of people nobody has named."""


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
        emotion=np.zeros(n, np.int32),
        raw_emotion=texts(""),
        ethnicity=np.full(n, ETHNICITIES.index(UNKNOWN), np.int32),
        database=texts(DATABASE),
        subject=texts(SUBJECT),
        clip=np.array([str(number) for number in range(n)], np.str_),
        action_units=((),) * n,
        ethnicity_source=texts(""),
        ethnicity_agreement=np.full(n, math.nan, np.float32),
        gender=texts("unknown"),
        age_decade=np.full(n, -1, np.int32),
        fps=np.full(n, math.nan, np.float32),
        frames=np.full((n, 3), -1, np.int32),
        extra=tuple({} for _ in range(n)),
    )
