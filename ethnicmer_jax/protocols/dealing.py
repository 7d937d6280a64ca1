"""Whole subjects dealt into folds that are as alike as these allow."""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Bool, Int, Shaped


def dealt(
    clips: Bool[np.ndarray, " clips"],
    strata: Shaped[np.ndarray, " clips"],
    person: Shaped[np.ndarray, " clips"],
    folds: int,
    seed: int,
) -> Int[np.ndarray, " clips"]:
    """The fold of each clip, -1 for clips that take no part; scikit-learn's StratifiedGroupKFold.

    Args:
      clips: those that take part.
      strata: what folds have evenly, such as the class.
      person: nobody is in two folds.
      folds: how many; at least two, and at most as many as there are persons.
      seed: of what is random.

    Raises:
      ValueError: every stratum has fewer clips than there are folds.
    """
    # It takes as long to import as everything else that a report needs.
    from sklearn.model_selection import StratifiedGroupKFold

    mine = np.flatnonzero(clips)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold = np.full(len(clips), -1)
    with warnings.catch_warnings():
        # A stratum with fewer clips than folds is in some of them only, as it must be.
        warnings.simplefilter("ignore", UserWarning)
        for number, (_, test) in enumerate(splitter.split(mine, strata[mine], person[mine])):
            fold[mine[test]] = number
    return fold
