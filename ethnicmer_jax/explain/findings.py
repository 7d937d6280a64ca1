"""From maps to numbers: masses of regions, tests of groups, and what the maps are worth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Shaped

from ethnicmer_jax.analysis import subject_means
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.explain import folds, regions, sanity
from ethnicmer_jax.explain.folds import ClipMaps, MapName, Maps
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
      key, person, database, emotion: their labels.
      group: of the job's grouping; "" where it leaves the clip out.
      motion: see `regions.motion`.
      crop: geometry of the face crops.
    """

    key: Shaped[np.ndarray, " clips"]
    person: Shaped[np.ndarray, " clips"]
    database: Shaped[np.ndarray, " clips"]
    group: Shaped[np.ndarray, " clips"]
    emotion: Shaped[np.ndarray, " clips"]
    motion: Maps
    crop: CropGeometry

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        targets: Targets,
        group: Shaped[np.ndarray, " clips"],
        crop: CropGeometry,
    ) -> Clips:
        """The clips of a data set, by its labels and groups."""
        emotion = np.asarray(targets.emotion_names)[targets.emotion]
        motion = regions.motion(dataset.flow, folds.GRID)
        return cls(dataset.key, dataset.person, dataset.database, group, emotion, motion, crop)


@dataclasses.dataclass(frozen=True)
class Findings:
    """Everything that the page says in numbers.

    Attributes:
      masses: one row per (method, head, branch, run, clip): its regions' shares of the map.
      tests: `subject_means.compare` of the regions' shares of each method, view and emotion
        (ALL first); empty where there are no two groups.
      peaks, similarity, agreement: see `sanity`.
      groups: the two that are compared, or ().
    """

    masses: pd.DataFrame
    tests: pd.DataFrame
    peaks: pd.DataFrame
    similarity: pd.DataFrame
    agreement: pd.DataFrame
    groups: tuple[str, ...]


def collect(networks: dict[str, ClipMaps], clips: Clips, groups: tuple[str, ...]) -> Findings:
    """The numbers behind the maps.

    Args:
      networks: see `sanity.explain`.
      clips: of the whole data set.
      groups: at most two, in order of subtraction.
    """
    trained = networks[sanity.TRAINED]
    masses = _masses(trained, clips)
    return Findings(
        masses=masses,
        tests=_tests(masses, groups) if len(groups) == 2 else pd.DataFrame(),
        peaks=sanity.peak_table(networks, sanity.moving(clips.motion), clips.person),
        similarity=sanity.similarity_table(networks, clips.person),
        agreement=sanity.agreement_table(trained, clips.person),
        groups=groups,
    )


def primary(trained: ClipMaps) -> MapName:
    """The map that is spoken of first: of the first view, by the most faithful method."""
    view = next(iter(trained.maps))[1]
    preferred = _AT_THE_LAST_MAP if trained.layer == tap.LAST else _BEFORE_IT
    return next((method, view) for method in preferred if (method, view) in trained.maps)


def averages(
    maps: Maps, clip: Int[np.ndarray, " clips"], clips: Clips, groups: tuple[str, ...]
) -> tuple[Float[np.ndarray, "rows groups 28 28"], Int[np.ndarray, "rows groups"], list[str]]:
    """Mean normalised maps of every emotion and group.

    Args:
      maps: of predictions.
      clip: the row of the data set of each prediction.
      clips: of the data set.
      groups: the columns.

    Returns:
      Mean maps, NaN where there is no clip; how many maps each is the mean of; and the names of
      the rows: ALL, then each emotion.
    """
    shares = regions.normalised(maps)
    rows = [ALL, *dict.fromkeys(sorted(clips.emotion[clip]))]
    out = np.full((len(rows), len(groups), *maps.shape[1:]), np.nan)
    counts = np.zeros((len(rows), len(groups)), int)
    defined = np.isfinite(shares).all((1, 2))
    for i, emotion in enumerate(rows):
        for j, group in enumerate(groups):
            wanted = defined & (clips.group[clip] == group)
            wanted &= (clips.emotion[clip] == emotion) | (emotion == ALL)
            counts[i, j] = wanted.sum()
            if wanted.any():
                out[i, j] = shares[wanted].mean(0)
    return out, counts, rows


def _masses(trained: ClipMaps, clips: Clips) -> pd.DataFrame:
    by_name = {**trained.maps, MOTION: clips.motion[trained.clip]}
    return pd.concat([_mass_rows(name, maps, trained, clips) for name, maps in by_name.items()])


def _mass_rows(name: MapName, maps: Maps, trained: ClipMaps, clips: Clips) -> pd.DataFrame:
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
    shares = regions.masses(maps, clips.crop)
    by_region = {region: shares[:, i] for i, region in enumerate(regions.REGIONS)}
    return pd.DataFrame(about | by_region)


def _tests(masses: pd.DataFrame, groups: tuple[str, str]) -> pd.DataFrame:
    parts = []
    for (method, head, branch), rows in masses.groupby(["method", "head", "branch"], sort=False):
        # A clip that several runs explained counts once.
        labels = ["clip", "person", "group", "emotion"]
        clips = rows.groupby(labels, sort=True)[list(regions.REGIONS)].mean().reset_index()
        for emotion in (ALL, *sorted(clips["emotion"].unique())):
            some = clips if emotion == ALL else clips[clips["emotion"] == emotion]
            table = subject_means.compare(
                some[list(regions.REGIONS)].to_numpy(),
                some["person"].to_numpy(str),
                some["group"].to_numpy(str),
                groups,
            )
            about = {"method": method, "head": head, "branch": branch, "emotion": emotion}
            about["region"] = regions.REGIONS
            parts.append(pd.DataFrame({**about, **table.to_dict("list")}))
    return pd.concat(parts, ignore_index=True)
