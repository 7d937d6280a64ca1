"""From maps to numbers: masses of regions, tests of groups, and what the maps are worth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.explain import folds, mass_tests, regions, sanity
from ethnicmer_jax.explain.folds import Explained, MapName
from ethnicmer_jax.explain.regions import Layout
from ethnicmer_jax.explain.views import View
from ethnicmer_jax.models.backbones import tap

MOTION = ("motion", View("none", "input"))
"""The motion of the clips themselves, which no network made: what maps are compared with."""

ALL = "all"
_AT_THE_LAST_MAP = ("hirescam", "gradcam", "occlusion")
_BEFORE_IT = ("gradcam", "hirescam", "occlusion")
"""HiResCAM is faithful where the rest of the network is linear; earlier it shows the input more
than Grad-CAM does, as maps of random weights tell."""


@dataclasses.dataclass(frozen=True)
class Clips:
    """What is known of the n clips of a data set.

    Attributes:
      key, person, database, group: str [n]; group is "" where the grouping has none.
      emotion: str [n].
      motion: float32 [n, GRID, GRID], see `regions.motion`.
      layout: of the face crops.
    """

    key: np.ndarray
    person: np.ndarray
    database: np.ndarray
    group: np.ndarray
    emotion: np.ndarray
    motion: np.ndarray
    layout: Layout

    @classmethod
    def of(cls, dataset: Dataset, targets: Targets, group: np.ndarray, layout: Layout) -> Clips:
        """The clips of a data set, by its labels and groups."""
        emotion = np.asarray(targets.emotion_names)[targets.emotion]
        motion = regions.motion(dataset.flow, folds.GRID)
        return cls(dataset.key, dataset.person, dataset.database, group, emotion, motion, layout)


@dataclasses.dataclass(frozen=True)
class Findings:
    """Everything that the page says in numbers.

    Attributes:
      masses: one row a (method, head, branch, run, clip): its regions' shares of the map.
      tests: `mass_tests.compare` of each method, view and emotion (ALL first).
      peaks, similarity, agreement: see `sanity`.
      groups: the two that are compared, or ().
    """

    masses: pd.DataFrame
    tests: pd.DataFrame
    peaks: pd.DataFrame
    similarity: pd.DataFrame
    agreement: pd.DataFrame
    groups: tuple[str, ...]


def collect(explained: dict[str, Explained], clips: Clips, groups: tuple[str, ...]) -> Findings:
    """The numbers behind the maps.

    Args:
      explained: "trained", and the networks that it is compared with.
      clips: of the whole data set.
      groups: at most two, in order of subtraction.
    """
    trained = explained["trained"]
    masses = _masses(trained, clips)
    return Findings(
        masses=masses,
        tests=_tests(masses, groups) if len(groups) == 2 else pd.DataFrame(),
        peaks=sanity.peak_table(explained, sanity.moving(clips.motion), clips.person),
        similarity=sanity.similarity_table(explained, clips.person),
        agreement=sanity.agreement_table(trained, clips.person),
        groups=groups,
    )


def primary(trained: Explained) -> MapName:
    """The map that is spoken of first: of the first view, by the most faithful method."""
    view = next(iter(trained.maps))[1]
    preferred = _AT_THE_LAST_MAP if trained.layer == tap.LAST else _BEFORE_IT
    return next((method, view) for method in preferred if (method, view) in trained.maps)


def averages(
    maps: np.ndarray, clip: np.ndarray, clips: Clips, groups: tuple[str, ...]
) -> tuple[np.ndarray, list[str]]:
    """Mean normalised maps of every emotion and group.

    Args:
      maps: float32 [n, size, size] of predictions.
      clip: int [n], rows of the data set.
      clips: of the data set.
      groups: the columns.

    Returns:
      float64 [rows, groups, size, size], NaN where there is no clip; and the rows: all,
      then each emotion.
    """
    shares = regions.normalised(maps)
    rows = [ALL, *dict.fromkeys(sorted(clips.emotion[clip]))]
    out = np.full((len(rows), len(groups), *maps.shape[1:]), np.nan)
    defined = np.isfinite(shares).all((1, 2))
    for i, emotion in enumerate(rows):
        for j, group in enumerate(groups):
            wanted = defined & (clips.group[clip] == group)
            wanted &= (clips.emotion[clip] == emotion) | (emotion == ALL)
            if wanted.any():
                out[i, j] = shares[wanted].mean(0)
    return out, rows


def _masses(trained: Explained, clips: Clips) -> pd.DataFrame:
    named = {**trained.maps, MOTION: clips.motion[trained.clip]}
    return pd.concat([_mass_rows(name, maps, trained, clips) for name, maps in named.items()])


def _mass_rows(name: MapName, maps: np.ndarray, trained: Explained, clips: Clips) -> pd.DataFrame:
    method, view = name
    here = trained.clip
    about = {
        "method": method,
        "head": view.head,
        "branch": view.branch,
        "run": trained.run,
        "clip": clips.key[here],
        "person": clips.person[here],
        "database": clips.database[here],
        "group": clips.group[here],
        "emotion": clips.emotion[here],
    }
    shares = regions.masses(maps, clips.layout)
    by_region = {region: shares[:, i] for i, region in enumerate(regions.REGIONS)}
    return pd.DataFrame(about | by_region)


def _tests(masses: pd.DataFrame, groups: tuple[str, ...]) -> pd.DataFrame:
    parts = []
    for (method, head, branch), rows in masses.groupby(["method", "head", "branch"], sort=False):
        # A clip that several runs explained counts once.
        about = ["clip", "person", "group", "emotion"]
        clips = rows.groupby(about, sort=True)[list(regions.REGIONS)].mean().reset_index()
        for emotion in (ALL, *sorted(clips["emotion"].unique())):
            some = clips if emotion == ALL else clips[clips["emotion"] == emotion]
            table = mass_tests.compare(
                some[list(regions.REGIONS)].to_numpy(),
                some["person"].to_numpy(str),
                some["group"].to_numpy(str),
                groups,
            )
            named = {"method": method, "head": head, "branch": branch, "emotion": emotion}
            parts.append(pd.DataFrame({**named, **table.to_dict("list")}))
    return pd.concat(parts, ignore_index=True)
