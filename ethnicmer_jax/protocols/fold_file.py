"""Which clips the folds of a work directory test: known to the report without the data."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Shaped

from ethnicmer_jax.base import files
from ethnicmer_jax.base.predictions import RowKey
from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.protocols.fold_table import FoldTable


def write(path: pathlib.Path, folds: FoldTable, clips: Shaped[np.ndarray, " clips"]) -> None:
    """Writes the names and test masks of the folds, whole or not at all.

    Args:
      path: an .npz file.
      folds: f rows over n clips.
      clips: str, clip keys.
    """
    arrays = {"run": folds.run, "fold": folds.fold, "test": folds.test, "clips": clips}
    files.write_arrays(path, compressed=True, **arrays)


def concatenate(
    path: pathlib.Path, parts: Sequence[tuple[pathlib.Path, Callable[[RunId], RunId]]]
) -> None:
    """Joins files over the same clips into one, whole or not at all.

    Args:
      path: the joint file.
      parts: the files, each with what its runs are called in the joint one.

    Raises:
      ValueError: the files differ in their clips.
    """
    read = [(_read(part), name) for part, name in parts]
    clips = read[0][0]["clips"]
    if not all(np.array_equal(arrays["clips"], clips) for arrays, _ in read):
        raise ValueError("folds over different clips cannot be joined")
    runs = [[str(name(RunId.parse(str(run)))) for run in arrays["run"]] for arrays, name in read]
    joint = {key: np.concatenate([arrays[key] for arrays, _ in read]) for key in ("fold", "test")}
    files.write_arrays(path, compressed=True, run=np.concatenate(runs), clips=clips, **joint)


def expected_rows(path: pathlib.Path) -> Iterator[RowKey]:
    """(run, fold, clip key) of every prediction that the folds ask for."""
    arrays = _read(path)
    run, fold, test, clips = (arrays[name] for name in ("run", "fold", "test", "clips"))
    for row, mask in enumerate(test):
        for clip in clips[mask]:
            yield str(run[row]), str(fold[row]), str(clip)


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)
