"""The files beside the page: maps, numbers, summary, one picture a clip."""

from __future__ import annotations

import pathlib

import numpy as np

from ethnicmer_jax.base import files
from ethnicmer_jax.explain import overlays
from ethnicmer_jax.explain.findings import ALL, Clips, Findings
from ethnicmer_jax.explain.folds import Explained, MapName
from ethnicmer_jax.report import explained
from ethnicmer_jax.report.document import Document
from ethnicmer_jax.training.engine import Engine


def numbers(folder: pathlib.Path, found: Findings, trained: Explained, clips: Clips) -> None:
    """regions.csv, tests.csv and maps.npz."""
    files.write_table(folder / "regions.csv", found.masses)
    if not found.tests.empty:
        files.write_table(folder / "tests.csv", found.tests)
    arrays = {f"{method}_{view}": maps for (method, view), maps in trained.maps.items()}
    labels = {f"class_{head}": values for head, values in trained.classes.items()}
    labels |= {f"predicted_{head}": values for head, values in trained.predicted.items()}
    rows = {"run": trained.run, "clip": clips.key[trained.clip]}
    files.write_arrays(folder / "maps.npz", compressed=True, **rows, **arrays, **labels)


def summary(folder: pathlib.Path, found: Findings, primary: MapName, made: Document) -> None:
    """What `report.explained` repeats."""
    method, view = primary
    shown = [
        f for f in made.figures() if f.name in ("peaks", "regions", f"average_{method}_{view}")
    ]
    values = {
        "conclusion": list(made.conclusion),
        "groups": list(found.groups),
        "primary": {"method": method, "head": view.head, "branch": view.branch, "emotion": ALL},
        "figures": [
            {"name": f.name, "caption": f.caption, "alt": f.alt, "wide": bool(f.wide)}
            for f in shown
        ],
    }
    files.write_json(folder / explained.SUMMARY, values)


def pictures(folder: pathlib.Path, trained: Explained, engine: Engine) -> None:
    """overlays/: a clip, and every map over it."""
    data = engine.dataset
    for row, clip in enumerate(trained.clip):
        image = overlays.picture(data, clip)
        laid = [overlays.overlay(image, maps[row]) for maps in trained.maps.values()]
        names = [part.replace("/", "-") for part in (data.database[clip], data.subject[clip])]
        where = folder / "overlays" / trained.run[row].replace("/", "-") / "-".join(names)
        strip = np.concatenate([image, *laid], axis=1)
        name = str(data.clip[clip]).replace("/", "-")
        files.write_bytes(where / f"{name}.png", overlays.png(strip))
