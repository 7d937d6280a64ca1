"""Variance factors as simulated databases without an effect give them: `factors.csv`.

Rows of analysis/variance_factors.csv are rows of this file, of a calibration whose
databases no check uses (configs/calibrate.py:factors).
"""

from __future__ import annotations

from collections.abc import Iterator

import ml_collections
import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import variance_factor
from ethnicmer_jax.analysis.effects import ALPHA
from ethnicmer_jax.jobs.calibration.findings import SIDES


def fitted(databases: pd.DataFrame, config: ml_collections.ConfigDict) -> pd.DataFrame:
    """The factor of each quantity for each design whose effect varies.

    Args:
      databases: from `result_files.read`.
      config: see configs/calibrate.py.

    Returns:
      Columns classifier, quantity, subjects (of a side), factor, databases and seed.
    """
    return pd.DataFrame(_rows(databases, config))


def _rows(databases: pd.DataFrame, config: ml_collections.ConfigDict) -> Iterator[dict]:
    classifier = variance_factor.classifier_of(config.to_dict())
    sides = [f"critical_factor_{side}" for side in SIDES]
    for name, design in config.calibration.designs.items():
        null = databases[(databases["design"] == name) & (databases["effect"] == 0)]
        if not design.vary_effect or null.empty:
            continue
        critical = {
            variance_factor.ADVANTAGE: null["critical_factor"].to_numpy(),
            variance_factor.ONE_SIDE: np.concatenate([null[side].to_numpy() for side in sides]),
        }
        for quantity, values in critical.items():
            yield {
                "classifier": classifier,
                "quantity": quantity,
                "subjects": round(null["n_persons"].mean() / 2),
                "factor": round(variance_factor.fit(values, ALPHA), 2),
                "databases": len(null),
                "seed": config.data.simulated.seed,
            }
