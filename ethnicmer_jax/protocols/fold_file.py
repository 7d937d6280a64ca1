"""Which clips the folds of a work directory test: known to the report without the data."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np

from ethnicmer_jax.predictions import RowKey
from ethnicmer_jax.protocols.fold_table import FoldTable


def write(path: pathlib.Path, folds: FoldTable, clips: np.ndarray) -> None:
    """Writes the names and test masks of the folds, whole or not at all.

    Args:
      path: an .npz file.
      folds: f rows over n clips.
      clips: str [n], clip keys.
    """
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, run=folds.run, fold=folds.fold, test=folds.test, clips=clips)
    partial.replace(path)


def expected_rows(path: pathlib.Path) -> Iterator[RowKey]:
    """(run, fold, clip key) of every prediction that the folds ask for."""
    with np.load(path, allow_pickle=False) as arrays:
        run, fold, test, clips = (arrays[name] for name in ("run", "fold", "test", "clips"))
    for row, mask in enumerate(test):
        for clip in clips[mask]:
            yield str(run[row]), str(fold[row]), str(clip)
