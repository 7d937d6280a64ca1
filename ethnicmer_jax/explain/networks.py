"""The trained networks of a job, and those that they have to differ from."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib

import ml_collections
import numpy as np

from ethnicmer_jax.explain import folds, sanity
from ethnicmer_jax.explain.folds import Explained, Explainer, MapName
from ethnicmer_jax.explain.request import Request
from ethnicmer_jax.training.engine import Engine


def explain(
    config: ml_collections.ConfigDict,
    engine: Engine,
    where: pathlib.Path,
    explainer: Explainer,
    tests: dict[int, np.ndarray],
    asked: Request,
) -> dict[str, Explained]:
    """The maps of the trained networks, and of those that they are compared with."""
    runs = engine.folds.run
    states = ((row, state.variables) for row, state in engine.states(where))
    trained = folds.explain(explainer, states, tests, runs, classes=asked.explained)
    out = {"trained": _without_duplicates(trained)}
    classes = sanity.classes_of(trained, runs, tests)
    few = dict(itertools.islice(tests.items(), asked.label_folds))
    others = {
        sanity.RANDOM: (sanity.random_states(explainer, list(tests), asked.seed), tests),
        sanity.LABELS: (sanity.label_states(config, engine, list(few), asked.seed), few),
    }
    for name, (made, some) in others.items():
        if some:
            found = folds.explain(explainer, made, some, runs, classes=classes, title=name)
            kept = {key: found.maps[key] for key in out["trained"].maps}
            out[name] = dataclasses.replace(found, maps=kept)
    return out


def _without_duplicates(trained: Explained) -> Explained:
    """Leaves HiResCAM out where it is Grad-CAM."""

    def same(name: MapName, maps: np.ndarray) -> bool:
        other = trained.maps.get(("gradcam", name[1]))
        if name[0] != "hirescam" or other is None:
            return False
        return np.allclose(maps, other, rtol=1e-3, atol=1e-4 * np.abs(other).max())

    kept = {name: maps for name, maps in trained.maps.items() if not same(name, maps)}
    return dataclasses.replace(trained, maps=kept)
