"""Ethnic labels that are wrong on purpose: controls of models that are told the ethnicity.

A gain from ethnic labels has to vanish when they carry no information (shuffled,
constant), and predictions that depend on them change when they are swapped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ethnicmer_jax.data.dataset import Dataset


def labels(
    which: str, ethnic: np.ndarray, group: np.ndarray, dataset: Dataset, seed: int
) -> np.ndarray:
    """The ethnic labels under one control; a person has the same one in every clip.

    Args:
      which: "annotated", as they are; "shuffled", persons of a database exchange theirs at
        random; "constant", everybody has the most frequent one; "swapped", everybody has
        the most frequent one of the next group (of two groups: the other one), as a
        counterfactual.
      ethnic: int32 [n], the annotated labels, -1 where unknown.
      group: int32 [n], index of the clip's group, -1 for none.
      dataset: the n clips.
      seed: of the shuffle.

    Returns:
      int32 [n]. Unknown labels stay unknown, except under "constant".

    Raises:
      KeyError: another name.
    """
    if which == "annotated":
        return ethnic
    _, first, clips = np.unique(dataset.person, return_index=True, return_inverse=True)
    changed = _CONTROLS[which](ethnic[first], group[first], dataset.database[first], seed)
    return changed[clips].astype(np.int32)


def _shuffled(ethnic: np.ndarray, group, database: np.ndarray, seed: int) -> np.ndarray:
    del group
    rng, changed = np.random.default_rng(seed), ethnic.copy()
    for name in np.unique(database):
        known = np.flatnonzero((database == name) & (ethnic >= 0))
        changed[known] = rng.permutation(ethnic[known])
    return changed


def _constant(ethnic: np.ndarray, group, database, seed) -> np.ndarray:
    del group, database, seed
    return np.full_like(ethnic, _most_frequent(ethnic))


def _swapped(ethnic: np.ndarray, group: np.ndarray, database, seed) -> np.ndarray:
    del database, seed
    changed = ethnic.copy()
    groups = np.unique(group[(group >= 0) & (ethnic >= 0)])
    for one, following in zip(groups, np.roll(groups, -1), strict=True):
        changed[(group == one) & (ethnic >= 0)] = _most_frequent(ethnic[group == following])
    return changed


def _most_frequent(ethnic: np.ndarray) -> int:
    """Of the known labels; -1 where there is none."""
    known = ethnic[ethnic >= 0]
    return int(np.bincount(known).argmax()) if len(known) else -1


_CONTROLS: Mapping[str, Callable[..., np.ndarray]] = {
    "shuffled": _shuffled,
    "constant": _constant,
    "swapped": _swapped,
}

ETHNIC_LABELS = ("annotated", *_CONTROLS)
