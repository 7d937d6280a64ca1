"""A built database as one object: labels as a table, flow and frames as arrays."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import ml_collections
import numpy as np
import pandas as pd
from jaxtyping import Float32, Shaped, UInt8

from ethnicmer_jax.api import config as configs
from ethnicmer_jax.api.places import Path, place
from ethnicmer_jax.base import class_schemes
from ethnicmer_jax.base.schema import ETHNICITIES, UserError
from ethnicmer_jax.data import class_labels, dataset
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.jobs import check, preparation, work_directory

_KIND = "ethnic_me"
"""The folder of built databases in a data directory."""


@dataclasses.dataclass(frozen=True)
class Database:
    """The n clips of a built database, sorted by database, subject and clip.

    Attributes:
      path: the TFDS directory of the built version; None for a selection in memory.
      dataset: the clips as the program's own Dataset.
    """

    path: pathlib.Path | None
    dataset: Dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __repr__(self) -> str:
        databases = ", ".join(sorted(set(self.dataset.database)))
        persons = len(set(self.dataset.person))
        return f"Database({len(self)} clips of {persons} subjects: {databases})"

    @functools.cached_property
    def labels(self) -> pd.DataFrame:
        """What is known of every clip, one row each; codes are text, as in `flow`'s order.

        Columns: database, subject, clip, emotion (coded), raw_emotion (as the source writes
        it), action_units ("4+L10A"), ethnicity, ethnicity_source, ethnicity_agreement in
        [0, 1], gender, age_decade (2 = twenties), fps, onset, apex, offset (frame numbers),
        flow_unit, then the source's further columns. Unknown numbers are missing.
        """
        data = self.dataset
        units = ["+".join(map(str, codes)) for codes in data.action_units]
        texts = {name: getattr(data, name).astype(object) for name in _TEXTS}
        numbers = {"age_decade": data.age_decade, **dict(zip(_FRAMES, data.frames.T, strict=True))}
        known = {name: pd.Series(x).astype("Int64") for name, x in numbers.items()}
        columns = {
            **{name: texts[name] for name in ("database", "subject", "clip")},
            "emotion": np.array(data.emotion_names, object)[data.emotion],
            "raw_emotion": texts["raw_emotion"],
            "action_units": units,
            "ethnicity": np.array(ETHNICITIES, object)[data.ethnicity],
            "ethnicity_source": texts["ethnicity_source"],
            "ethnicity_agreement": data.ethnicity_agreement,
            "gender": texts["gender"],
            "age_decade": known["age_decade"].where(known["age_decade"] >= 0),
            "fps": data.fps,
            **{name: known[name].where(known[name] >= 0) for name in _FRAMES},
            "flow_unit": texts["flow_unit"],
        }
        further = pd.DataFrame(list(data.extra), dtype=object).fillna("").astype(str)
        taken = [name for name in further if name not in columns]
        return pd.DataFrame(columns).join(further[taken])

    @property
    def flow(self) -> Float32[np.ndarray, "clips height width 3"]:
        """Motion from onset to apex: u, v and optical strain, in the units of `labels.flow_unit`.

        percent_of_width: u (to the image's right) and v (down) in percent of the face crop's
        width, strain without a unit. normalised: every channel lies in [0, 1], its zero and
        scale are lost.
        """
        return self.dataset.flow

    @property
    def onset_image(self) -> UInt8[np.ndarray, "clips size size 3"] | None:
        """Face crops at onset, RGB; None where they were not asked for or a clip has none."""
        return self.dataset.onset_image

    @property
    def apex_image(self) -> UInt8[np.ndarray, "clips size size 3"] | None:
        """Face crops at apex, RGB; None where they were not asked for or a clip has none."""
        return self.dataset.apex_image

    @property
    def subjects(self) -> Shaped[np.ndarray, " clips"]:
        """`database/subject` of every clip: the groups of cross-validation."""
        return self.dataset.person

    def select(self, which: Any) -> Database:
        """The clips of a bool mask [n] (also a column of `labels`) or of a list of indices."""
        return Database(None, self.dataset.select(np.asarray(which)))

    def xy(
        self, classes: str | int = class_schemes.DEFAULT
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Flow, classes and subjects for scikit-learn; clips without a class are left out.

        Args:
          classes: a class scheme, such as 3, "5" or "happiness=positive;others=".

        Returns:
          float32 [m, H, W, 3]; str [m], the class of each clip; str [m], `database/subject`.

        Raises:
          UserError: there is no such scheme, or no clip has a class.
        """
        found = class_labels.classed(self.dataset, class_schemes.parse(classes)).dataset
        names = np.array(found.emotion_names)
        return found.flow, names[found.emotion], found.person


_TEXTS = (
    *("database", "subject", "clip", "raw_emotion"),
    *("ethnicity_source", "gender", "flow_unit"),
)
_FRAMES = ("onset", "apex", "offset")


def open_database(
    source: Path = "simulated",
    *,
    raw: Path = "",
    data_dir: Path = "data",
    frames: bool = False,
    overrides: Mapping[str, Any] | None = None,
) -> Database:
    """Opens a built database; a source with its raw data is built where it is missing.

    Args:
      source: the folder of a built database (DATA_DIR/ethnic_me/NAME, or the version in it);
        a work directory, for the database of its config; or the name of a source
        ("simulated", "manifest", "casme2", "casme2+samm"; see docs/databases.md).
      raw: for a source: its raw data. Without it, the one database of that source that
        `data_dir` holds is opened.
      data_dir: for a source: where built databases are kept.
      frames: whether the crops at onset and apex are decoded as well (75 KB a clip).
      overrides: for a source: settings of its build, such as {"data.flow_size": 56} or
        {"data.simulated.cohorts": "simsamm:White:4"}; see `em.config`.

    Raises:
      UserError: there is no such database, or the raw data cannot be used.

    Example:
      >>> clips = em.open_database("casme2+samm", raw="RAW", data_dir="data")  # doctest: +SKIP
      >>> clips.labels["emotion"].value_counts()  # doctest: +SKIP
    """
    images = dataset.IMAGES if frames else ()
    named = str(place("source", source))
    if _is_source(named):
        data = {"source": named, "raw": os.fspath(raw), "data_dir": os.fspath(data_dir)}
        changed = {**{f"data.{name}": x for name, x in data.items()}, **(overrides or {})}
        path = _of_source(configs.config("common", changed), bool(overrides))
    else:
        if raw or overrides:
            raise UserError(f"{named} is no source: raw and overrides are for sources")
        path = _of_folder(pathlib.Path(named))
    return Database(path, dataset.load(path, images))


def _is_source(text: str) -> bool:
    from data_builders.sources import registry

    return set(text.split("+")) <= set(registry.SOURCES)


def _of_source(config: ml_collections.ConfigDict, asked: bool) -> pathlib.Path:
    """The database of a config's source, built where that is possible and it is missing."""
    from data_builders.sources import registry

    source, data_dir = config.data.source, pathlib.Path(config.data.data_dir)
    if config.data.raw or source == registry.SIMULATED:
        check.settings(config)
        check.inputs(config)
        return preparation.built(config)
    if asked:
        raise UserError(f"overrides are for building: name the raw data of {source} with raw")
    name = "_".join(registry.names(source))
    found = sorted(data_dir.glob(f"{_KIND}/{name}-*/*/dataset_info.json"))
    if len(found) == 1:
        return found[0].parent
    if found:
        folders = ", ".join(str(path.parent.parent) for path in found)
        raise UserError(f"there are several databases of {source}; open one of {folders}")
    raise UserError(
        f"{data_dir} holds no database of {source}; name its raw data with raw, which builds it"
    )


def _of_folder(folder: pathlib.Path) -> pathlib.Path:
    """The directory of the built version that a folder is, holds or was trained with."""
    if (folder / "config.json").is_file():
        return preparation.built(work_directory.recorded(folder))
    if not (folder / "dataset_info.json").is_file():
        versions = sorted(path.parent for path in folder.glob("*/dataset_info.json"))
        if versions:
            return versions[-1]
    return folder
