"""Which figures of maps a page shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ethnicmer_jax.explain import drawings, findings, overlays
from ethnicmer_jax.explain.findings import Clips
from ethnicmer_jax.explain.folds import Explained
from ethnicmer_jax.explain.views import View
from ethnicmer_jax.report.explained import METHODS
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.training.engine import Engine


def averages(trained: Explained, clips: Clips, groups: tuple[str, ...]) -> Iterator[Figure]:
    """Mean maps by group and emotion: the primary map, the others, and the motion itself."""
    first = findings.primary(trained)
    if not groups:
        return
    ordered = [first, *(name for name in trained.maps if name != first), findings.MOTION]
    for name in ordered:
        method, view = name
        maps = clips.motion[trained.clip] if name == findings.MOTION else trained.maps[name]
        means, rows = findings.averages(maps, trained.clip, clips, groups)
        what = METHODS[method]
        if name != findings.MOTION:
            what += f", {view.head} head, {view.branch} branch"
        yield drawings.average_maps(
            means,
            rows,
            groups,
            clips.layout,
            name=f"average_{method}_{view}",
            caption=f"{what[0].upper()}{what[1:]}: mean over clips of maps that each sum to 1.",
        )


def single_clips(
    trained: Explained, clips: Clips, groups: tuple[str, ...], engine: Engine, seed: int
) -> Iterator[Figure]:
    """Some clips of each group and emotion, right and wrong, drawn by `seed`."""
    view = findings.primary(trained)[1]
    methods = [method for method, of in trained.maps if of == view]
    right = trained.predicted["final"] == engine.targets.emotion[trained.clip]
    rng = np.random.default_rng(seed)
    for group in groups:
        for emotion in engine.targets.emotion_names:
            kind = (clips.group[trained.clip] == group) & (clips.emotion[trained.clip] == emotion)
            rows = [
                int(row)
                for wanted in (kind & right, kind & ~right)
                for row in rng.permutation(np.flatnonzero(wanted))[: drawings.EACH]
            ]
            if rows:
                yield drawings.gallery(
                    [_shown(trained, row, methods, view, engine) for row in rows],
                    ["clip", *(METHODS[method] for method in methods)],
                    name=f"clips_{group}_{emotion}",
                    caption=f"{group}, {emotion}: {int((kind & right).sum())} of "
                    f"{int(kind.sum())} explained clips are recognised. {view.head} head, "
                    f"{view.branch} branch.",
                )


def _shown(
    trained: Explained, row: int, methods: Sequence[str], view: View, engine: Engine
) -> drawings.Shown:
    clip = trained.clip[row]
    image = overlays.picture(engine.dataset, clip)
    said = engine.targets.emotion_names[trained.predicted["final"][row]]
    right = trained.predicted["final"][row] == engine.targets.emotion[clip]
    parts = (engine.dataset.database[clip], engine.dataset.subject[clip], engine.dataset.clip[clip])
    label = "\n".join([*parts, "right" if right else f"wrong: {said}"])
    laid = [overlays.overlay(image, trained.maps[method, view][row]) for method in methods]
    return drawings.Shown(label, [image, *laid])
