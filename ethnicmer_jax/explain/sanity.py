"""Do maps depend on what was learnt? Random weights, random labels, and where the peak lies.

Reference: Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, sections 3 and 4.
A map that stays as it is when the weights are random shows the input, not the network.
"""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator

import ml_collections
import numpy as np
import pandas as pd
from scipy import stats as scipy_stats

from ethnicmer_jax.analysis.bootstrap import Interval
from ethnicmer_jax.explain import by_subject
from ethnicmer_jax.explain.folds import Explained, Explainer, MapName, Variables
from ethnicmer_jax.training.engine import Engine

RANDOM, LABELS = "random weights", "shuffled labels"
"""What the other networks are called."""

MOVING = 0.3
"""Share of a clip's largest motion from which a place counts as moving."""


def random_states(
    explainer: Explainer, rows: Iterator[int] | list[int], seed: int
) -> Iterator[tuple[int, Variables]]:
    """A row of the fold table with variables that nothing was learnt with, for each row."""
    for row in rows:
        yield row, explainer.random_variables(seed + row)


def label_states(
    config: ml_collections.ConfigDict, engine: Engine, rows: list[int], seed: int
) -> Iterator[tuple[int, Variables]]:
    """Some folds trained anew by the same recipe, with emotions dealt to clips at random."""
    shuffled = np.random.default_rng(seed).permutation(engine.targets.emotion)
    targets = dataclasses.replace(engine.targets, emotion=shuffled)
    kept = ml_collections.ConfigDict(config.to_dict() | {"checkpoint": {"keep": "final"}})
    again = Engine(kept, engine.dataset, targets, engine.folds.select(np.asarray(rows)))
    with tempfile.TemporaryDirectory(prefix="ethnicmer_jax-labels-") as folder:
        again.train(pathlib.Path(folder))
        for place, state in again.states(pathlib.Path(folder)):
            yield rows[place], state.variables


def similarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's correlation of the positive parts of two maps of each clip.

    Args:
      first: float32 [n, size, size].
      second: the same.

    Returns:
      float64 [n]; NaN where one of the two is nowhere positive.
    """
    pairs = zip(np.maximum(first, 0), np.maximum(second, 0), strict=True)
    return np.array([_correlation(a.ravel(), b.ravel()) for a, b in pairs])


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if not (a.any() and b.any()):
        return np.nan
    return float(scipy_stats.spearmanr(a, b).statistic)


def peak_hits(maps: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Whether the largest value of each map lies in the clip's region.

    Args:
      maps: float32 [n, size, size].
      region: bool [n, size, size].

    Returns:
      float64 [n] of 0 and 1; 0 where a map is nowhere positive.
    """
    flat = maps.reshape(len(maps), -1)
    hit = region.reshape(len(maps), -1)[np.arange(len(maps)), flat.argmax(1)]
    return (hit & (flat.max(1) > 0)).astype(np.float64)


def moving(motion: np.ndarray) -> np.ndarray:
    """Where a clip moves by at least MOVING of its largest motion: bool [n, size, size]."""
    return motion >= MOVING * motion.max((1, 2), keepdims=True)


def peak_table(
    explained: dict[str, Explained], region: np.ndarray, person: np.ndarray
) -> pd.DataFrame:
    """How often each map's peak lies in the moving region.

    Args:
      explained: what the networks are ("trained", ...) -> their maps.
      region: bool [clips, size, size], of every clip of the data set.
      person: str [clips].

    Returns:
      Columns weights, method, head, branch, rate, low, high, chance (the region's mean share
      of the face), n_clips.
    """
    rows = []
    for weights, found in explained.items():
        here = region[found.clip]
        for name, maps in found.maps.items():
            interval = by_subject.mean(peak_hits(maps, here), person[found.clip])
            rows.append(
                {"weights": weights, **_named(name), **_numbers(interval, "rate")}
                | {"chance": here.mean(), "n_clips": len(found.clip)}
            )
    return pd.DataFrame(rows)


def similarity_table(explained: dict[str, Explained], person: np.ndarray) -> pd.DataFrame:
    """How far the maps of each other network resemble those of the trained one.

    Returns:
      Columns weights, method, head, branch, correlation, low, high, n_clips.
    """
    trained = explained["trained"]
    rows = []
    for weights, found in explained.items():
        if weights == "trained":
            continue
        place = _places(trained, found)
        for name, maps in found.maps.items():
            values = similarity(trained.maps[name][place], maps)
            interval = by_subject.mean(values, person[found.clip])
            rows.append(
                {"weights": weights, **_named(name), **_numbers(interval, "correlation")}
                | {"n_clips": int(np.isfinite(values).sum())}
            )
    return pd.DataFrame(rows)


def agreement_table(trained: Explained, person: np.ndarray) -> pd.DataFrame:
    """How far gradient maps agree with occlusion of the same network.

    Returns:
      Columns method, head, branch, correlation, low, high, n_clips; no rows without occlusion.
    """
    rows = []
    for (method, view), maps in trained.maps.items():
        other = trained.maps.get(("occlusion", view))
        if method == "occlusion" or other is None:
            continue
        values = similarity(maps, other)
        interval = by_subject.mean(values, person[trained.clip])
        rows.append(
            {**_named((method, view)), **_numbers(interval, "correlation")}
            | {"n_clips": int(np.isfinite(values).sum())}
        )
    return pd.DataFrame(rows)


def classes_of(found: Explained, runs: np.ndarray, tests: dict[int, np.ndarray]) -> dict:
    """Row -> head -> int [m], the classes that were explained, for `folds.explain`."""
    place = _place_of(found)
    out = {}
    for row, clips in tests.items():
        rows = [place[str(runs[row]), int(clip)] for clip in clips]
        out[row] = {head: values[rows] for head, values in found.classes.items()}
    return out


def _places(trained: Explained, other: Explained) -> np.ndarray:
    """Where in `trained` each prediction of `other` stands."""
    place = _place_of(trained)
    return np.array([place[key] for key in _place_of(other)])


def _place_of(found: Explained) -> dict[tuple[str, int], int]:
    keys = zip(found.run.tolist(), found.clip.tolist(), strict=True)
    return {key: place for place, key in enumerate(keys)}


def _named(name: MapName) -> dict[str, str]:
    method, view = name
    return {"method": method, "head": view.head, "branch": view.branch}


def _numbers(interval: Interval, label: str) -> dict[str, float]:
    return {label: interval.estimate, "low": interval.low, "high": interval.high}
