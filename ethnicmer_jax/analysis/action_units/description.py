"""How often Action Units and pairs of them are coded, by emotion and group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import effects, intervals
from ethnicmer_jax.analysis.action_units.coding import CodedClips

PREVALENCE_COLUMNS = (
    "emotion",
    "group",
    "au",
    "n_clips",
    "n_with",
    "n_persons",
    "n_persons_with",
    "prevalence",
    "wilson_low",
    "wilson_high",
    "cluster_low",
    "cluster_high",
)


def prevalence(
    clips: CodedClips,
    groups: Sequence[str],
    *,
    level: float = intervals.LEVEL,
    n_resamples: int = intervals.RESAMPLES,
    seed: int = intervals.SEED,
) -> pd.DataFrame:
    """How often each unit is coded, by emotion and group.

    Args:
      clips: the coded clips; with `clips.pairs()` the result is co-occurrence.
      groups: the groups to list, in order.
      level: nominal coverage of both intervals.
      n_resamples: of the subject-cluster bootstrap.
      seed: of the same.

    Returns:
      One row an (emotion, group, au), PREVALENCE_COLUMNS. wilson_low and wilson_high
      take clips as independent: too narrow where few persons have many clips.
      cluster_low and cluster_high resample persons; they have no width where no
      clip or every clip shows the unit, and only Wilson's mean something there.
    """
    rng = np.random.default_rng(seed)
    tables = [pd.DataFrame(columns=PREVALENCE_COLUMNS)]
    for emotion, of_emotion in clips.by_emotion():
        for group in groups:
            cell = of_emotion.select(of_emotion.group == group)
            if len(cell):
                table = _cell(cell, rng, n_resamples, level)
                tables.append(table.assign(emotion=emotion, group=group))
    return pd.concat(tables[1:] or tables, ignore_index=True)[list(PREVALENCE_COLUMNS)]


def _cell(
    cell: CodedClips, rng: np.random.Generator, n_resamples: int, level: float
) -> pd.DataFrame:
    persons, n_clips, hits = cell.per_person()
    weights = intervals.resample_weights(np.zeros(len(persons)), n_resamples, rng)
    resampled = (weights @ hits) / (weights @ n_clips)[:, None]
    n, n_with = len(cell), hits.sum(axis=0).astype(int)
    clustered = [
        intervals.expanded_percentile(count / n, column, n_units=len(persons), level=level)
        for count, column in zip(n_with, resampled.T, strict=True)
    ]
    wilson = [effects.wilson_interval(int(count), n, level) for count in n_with]
    return pd.DataFrame(
        {
            "au": cell.units,
            "n_clips": n,
            "n_with": n_with,
            "n_persons": len(persons),
            "n_persons_with": (hits > 0).sum(axis=0),
            "prevalence": n_with / n,
            "wilson_low": [low for low, _ in wilson],
            "wilson_high": [high for _, high in wilson],
            "cluster_low": [interval.low for interval in clustered],
            "cluster_high": [interval.high for interval in clustered],
        }
    )
