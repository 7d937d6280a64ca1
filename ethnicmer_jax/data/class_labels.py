"""A class scheme applied to a data set: who has which class, and what to know of that."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from ethnicmer_jax.base.class_schemes import ClassScheme
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset

FEW_SUBJECTS = 5
"""Fewer subjects than this with clips of a class: its scores say little."""


@dataclasses.dataclass(frozen=True)
class Classed:
    """Clips under a class scheme.

    Attributes:
      dataset: the clips that have a class; `emotion` and `emotion_names` are the scheme's.
      notes: how many clips of how many subjects each class has, what is left out, and
        which classes have few subjects.
    """

    dataset: Dataset
    notes: tuple[str, ...]


def classed(dataset: Dataset, scheme: ClassScheme, databases: Collection[str] = ()) -> Classed:
    """The clips that a scheme gives a class.

    Args:
      dataset: clips with their coded emotions.
      scheme: what is to be told apart.
      databases: those that take part; () for all.

    Raises:
      UserError: no clip has a class.
    """
    coded = np.array([dataset.emotion_names[index] for index in dataset.emotion], np.str_)
    pairs = zip(coded, dataset.database, strict=True)
    label = np.array([scheme.class_of(str(one), str(database)) for one, database in pairs])
    part = np.isin(dataset.database, list(databases)) if databases else np.full(len(label), True)
    names = scheme.classes(set(label[part]) - {""})
    kept = np.isin(label, names)
    if not (kept & part).any():
        raise UserError(
            f"no clip has a class under data.classes={scheme.name}: they are coded "
            f"{_counted(coded[part])}"
        )
    index = {name: number for number, name in enumerate(names)}
    emotion = np.array([index[name] for name in label[kept]], np.int32)
    made = dataclasses.replace(dataset.select(kept), emotion=emotion, emotion_names=names)
    columns = {"name": label, "person": dataset.person, "coded": coded}
    clips = pd.DataFrame({**columns, "database": dataset.database})[part]
    return Classed(made, tuple(_notes(clips, names, scheme.name)))


def _notes(clips: pd.DataFrame, names: tuple[str, ...], scheme: str) -> Iterator[str]:
    left_out = clips.loc[~clips["name"].isin(names), "coded"]
    clips = clips[clips["name"].isin(names)]
    subjects = clips.groupby("name")["person"].nunique().reindex(names, fill_value=0)
    counts = clips["name"].value_counts().reindex(names, fill_value=0)
    largest = str(counts.idxmax())
    first, *others = (f"{counts[name]} {{}}of {subjects[name]}" for name in names)
    described = [first.format("clips ") + " subjects", *(text.format("") for text in others)]
    listed = ", ".join(f"{name} {text}" for name, text in zip(names, described, strict=True))
    yield (
        f"classes {scheme}: {listed}; the largest, {largest}, has "
        f"{counts[largest] / len(clips):.0%} of the clips"
    )
    if len(left_out):
        yield (
            f"{len(left_out)} clips take no part, for data.classes={scheme} has no class for "
            f"them: {_counted(left_out.to_numpy(str))}"
        )
    few = [f"{name} ({subjects[name]})" for name in names if 0 < subjects[name] < FEW_SUBJECTS]
    if few:
        yield f"fewer than {FEW_SUBJECTS} subjects have clips of {', '.join(few)}"
    if clips["database"].nunique() > 1:
        yield from _of_one_database(clips, names)
    if absent := [name for name in names if not counts[name]]:
        yield f"no clip at all has the class {', '.join(absent)}"


def _of_one_database(clips: pd.DataFrame, names: tuple[str, ...]) -> Iterator[str]:
    """Which classes tell the database, too."""
    databases = clips.groupby("name")["database"].unique()
    of: dict[str, list[str]] = {}
    for name in names:
        if name in databases and len(databases[name]) == 1:
            of.setdefault(str(databases[name][0]), []).append(name)
    for database, own in of.items():
        yield f"only {database} has clips of {', '.join(own)}: these classes tell the database, too"


def _counted(names: np.ndarray) -> str:
    """`others 26, fear 8`, the most frequent first."""
    return ", ".join(f"{name} {count}" for name, count in pd.Series(names).value_counts().items())
