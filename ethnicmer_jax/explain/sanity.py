"""Do maps depend on what was learnt? Networks of random weights, networks of random labels.

Reference: Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, sections 3 and 4.
A map that stays as it is when the weights are random shows the input, not the network.
"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping

import ml_collections
import numpy as np
import pandas as pd
import scipy
from jaxtyping import Bool, Float, Int, Shaped

from ethnicmer_jax.analysis import subject_means
from ethnicmer_jax.analysis.intervals import Interval
from ethnicmer_jax.explain import folds
from ethnicmer_jax.explain.folds import Classes, ClipMaps, Explainer, MapName, Maps
from ethnicmer_jax.explain.maps import OCCLUSION, Variables
from ethnicmer_jax.explain.request import Request
from ethnicmer_jax.training.engine import Engine

TRAINED, RANDOM, LABELS = "trained", "random weights", "shuffled labels"
"""What the networks are called: those that are explained, and those that they are held against."""

MOVING = 0.3
"""Share of a clip's largest motion from which a place counts as moving."""


def explain(
    config: ml_collections.ConfigDict,
    engine: Engine,
    where: pathlib.Path,
    explainer: Explainer,
    tests: Mapping[int, Int[np.ndarray, " clips"]],
    request: Request,
) -> dict[str, ClipMaps]:
    """The maps of the trained networks of a job, and of those that they are held against.

    Args:
      config: of the job.
      engine: of the job.
      where: holds its checkpoints.
      explainer: of the engine.
      tests: row of the fold table -> the test clips that are wanted.
      request: which class is explained, how many folds are trained anew, and the seed.

    Returns:
      TRAINED, RANDOM and, where asked for, LABELS -> maps of the same classes' logits.
    """
    runs = engine.folds.run
    states = ((row, state.variables) for row, state in engine.states(where))
    trained = folds.explain(explainer, states, tests, runs, classes=request.explained)
    networks = {TRAINED: _without_duplicates(trained)}
    classes = classes_of(trained, runs, tests)
    few = dict(itertools.islice(tests.items(), request.label_folds))
    others = {
        RANDOM: (random_states(explainer, tests, request.seed), tests),
        LABELS: (label_states(config, engine, list(few), request.seed), few),
    }
    for name, (other_states, some) in others.items():
        if some:
            title = f"explaining {name}"
            other = folds.explain(explainer, other_states, some, runs, classes=classes, title=title)
            kept = {key: other.maps[key] for key in networks[TRAINED].maps}
            networks[name] = dataclasses.replace(other, maps=kept)
    return networks


def random_states(
    explainer: Explainer, rows: Iterable[int], seed: int
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


def classes_of(
    clip_maps: ClipMaps,
    runs: Shaped[np.ndarray, " folds"],
    tests: Mapping[int, Int[np.ndarray, " clips"]],
) -> dict[int, Classes]:
    """Row -> the classes that were explained, for `folds.explain`."""
    place = _place_of(clip_maps)
    out = {}
    for row, clips in tests.items():
        rows = [place[str(runs[row]), int(clip)] for clip in clips]
        out[row] = {head: values[rows] for head, values in clip_maps.classes.items()}
    return out


def _without_duplicates(trained: ClipMaps) -> ClipMaps:
    """Leaves HiResCAM out where it is Grad-CAM."""

    def same(name: MapName, maps: Maps) -> bool:
        other = trained.maps.get(("gradcam", name[1]))
        if name[0] != "hirescam" or other is None:
            return False
        return np.allclose(maps, other, rtol=1e-3, atol=1e-4 * np.abs(other).max())

    kept = {name: maps for name, maps in trained.maps.items() if not same(name, maps)}
    return dataclasses.replace(trained, maps=kept)


def similarity(
    first: Float[np.ndarray, "clips h w"], second: Float[np.ndarray, "clips h w"]
) -> Float[np.ndarray, " clips"]:
    """Spearman's correlation of the positive parts of two maps of each clip.

    NaN where one of the two is nowhere positive.
    """
    pairs = zip(np.maximum(first, 0), np.maximum(second, 0), strict=True)
    return np.array([_correlation(a.ravel(), b.ravel()) for a, b in pairs])


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if not (a.any() and b.any()):
        return np.nan
    return float(scipy.stats.spearmanr(a, b).statistic)


def peak_hits(
    maps: Float[np.ndarray, "clips h w"], region: Bool[np.ndarray, "clips h w"]
) -> Float[np.ndarray, " clips"]:
    """1 where the largest value of a map lies in the clip's region, else 0.

    0 where a map is nowhere positive.
    """
    flat = maps.reshape(len(maps), -1)
    hit = region.reshape(len(maps), -1)[np.arange(len(maps)), flat.argmax(1)]
    return (hit & (flat.max(1) > 0)).astype(np.float64)


def moving(motion: Float[np.ndarray, "clips h w"]) -> Bool[np.ndarray, "clips h w"]:
    """Where a clip moves by at least MOVING of its largest motion."""
    return motion >= MOVING * motion.max((1, 2), keepdims=True)


def peak_table(
    networks: Mapping[str, ClipMaps],
    region: Bool[np.ndarray, "all_clips 28 28"],
    person: Shaped[np.ndarray, " all_clips"],
) -> pd.DataFrame:
    """How often each map's peak lies in the moving region.

    Args:
      networks: what the networks are (TRAINED, ...) -> their maps.
      region: of every clip of the data set.
      person: of every clip of the data set.

    Returns:
      Columns weights, method, head, branch, rate, low, high, chance (the region's mean share
      of the face), n_clips.
    """
    rows = []
    for weights, clip_maps in networks.items():
        here = region[clip_maps.clip]
        for name, maps in clip_maps.maps.items():
            interval = subject_means.clip_mean(peak_hits(maps, here), person[clip_maps.clip])
            rows.append(
                {"weights": weights, **_named(name), **_numbers(interval, "rate")}
                | {"chance": here.mean(), "n_clips": len(clip_maps.clip)}
            )
    return pd.DataFrame(rows)


def similarity_table(
    networks: Mapping[str, ClipMaps], person: Shaped[np.ndarray, " all_clips"]
) -> pd.DataFrame:
    """How far the maps of each other network resemble those of the trained one.

    Returns:
      Columns weights, method, head, branch, correlation, low, high, n_clips.
    """
    trained = networks[TRAINED]
    rows = []
    for weights, other in networks.items():
        if weights == TRAINED:
            continue
        place = _places(trained, other)
        for name, maps in other.maps.items():
            values = similarity(trained.maps[name][place], maps)
            rows.append(
                {"weights": weights, **_named(name), **_correlations(values, person[other.clip])}
            )
    return pd.DataFrame(rows)


def agreement_table(trained: ClipMaps, person: Shaped[np.ndarray, " all_clips"]) -> pd.DataFrame:
    """How far gradient maps agree with occlusion of the same network.

    Returns:
      Columns method, head, branch, correlation, low, high, n_clips; no rows without occlusion.
    """
    rows = []
    for (method, view), maps in trained.maps.items():
        other = trained.maps.get((OCCLUSION, view))
        if method == OCCLUSION or other is None:
            continue
        values = similarity(maps, other)
        rows.append({**_named((method, view)), **_correlations(values, person[trained.clip])})
    return pd.DataFrame(rows)


def _correlations(
    values: Float[np.ndarray, " clips"], person: Shaped[np.ndarray, " clips"]
) -> dict[str, float]:
    interval = subject_means.clip_mean(values, person)
    return {**_numbers(interval, "correlation"), "n_clips": int(np.isfinite(values).sum())}


def _places(trained: ClipMaps, other: ClipMaps) -> Int[np.ndarray, " clips"]:
    """Where in `trained` each prediction of `other` stands."""
    place = _place_of(trained)
    return np.array([place[key] for key in _place_of(other)])


def _place_of(clip_maps: ClipMaps) -> dict[tuple[str, int], int]:
    keys = zip(clip_maps.run.tolist(), clip_maps.clip.tolist(), strict=True)
    return {key: place for place, key in enumerate(keys)}


def _named(name: MapName) -> dict[str, str]:
    method, view = name
    return {"method": method, "head": view.head, "branch": view.branch}


def _numbers(interval: Interval, label: str) -> dict[str, float]:
    return {label: interval.estimate, "low": interval.low, "high": interval.high}
