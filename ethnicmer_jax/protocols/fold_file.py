"""Which clips the folds of a work directory test: known to the report without the data."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Shaped

from ethnicmer_jax.base import files, sums
from ethnicmer_jax.base.predictions import RowKey
from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.protocols.fold_table import FoldTable


def write(path: pathlib.Path, folds: FoldTable, clips: Shaped[np.ndarray, " clips"]) -> None:
    """Writes the names and test clips of the folds, whole or not at all.

    Args:
      path: an .npz file.
      folds: f rows over n clips; those that test nothing are left out.
      clips: str, clip keys.
    """
    folds = folds.select(folds.tested)
    tested = [folds.test.clips(row).astype(np.int32) for row in range(len(folds))]
    files.write_arrays(
        path,
        compressed=True,
        summed=True,
        run=folds.run,
        fold=folds.fold,
        test=np.concatenate(tested or [np.zeros(0, np.int32)]),
        size=folds.test.sizes,
        clips=clips,
    )


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
    joint = {
        key: np.concatenate([arrays[key] for arrays, _ in read]) for key in ("fold", "test", "size")
    }
    run = np.concatenate(runs)
    files.write_arrays(path, compressed=True, summed=True, run=run, clips=clips, **joint)


def expected_rows(path: pathlib.Path) -> Iterator[RowKey]:
    """(run, fold, clip key) of every prediction that the folds ask for."""
    arrays = _read(path)
    # The last part is what comes after all folds: nothing.
    *tested, _ = np.split(arrays["clips"][arrays["test"]], np.cumsum(arrays["size"]))
    for run, fold, clips in zip(arrays["run"], arrays["fold"], tested, strict=True):
        for clip in clips:
            yield str(run), str(fold), str(clip)


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    read = files.read_arrays(path, _MEND)
    try:
        if "size" not in read:
            # Files of earlier versions hold a mask for every fold.
            read |= {"size": read["test"].sum(1), "test": np.nonzero(read["test"])[1]}
        _check(read)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise sums.DamagedError(path, f"is damaged ({error})", _MEND) from None
    return read


def _check(read: Mapping[str, np.ndarray]) -> None:
    """Refuses arrays that do not fit together with a ValueError."""
    for name in ("run", "fold", "clips"):
        if read[name].ndim != 1 or read[name].dtype.kind != "U":
            raise ValueError(f"{name} is no list of texts")
    for name in ("test", "size"):
        if read[name].ndim != 1 or read[name].dtype.kind not in "iu" or (read[name] < 0).any():
            raise ValueError(f"{name} is no list of numbers")
    size, test = read["size"], read["test"]
    if not len(read["run"]) == len(read["fold"]) == len(size) or size.sum() != len(test):
        raise ValueError("its lists differ in length")
    if len(test) and test.max() >= len(read["clips"]):
        raise ValueError("a fold tests a clip that is not there")


_MEND = (
    "it says which predictions there must be; bring back a copy of it, or make it again with "
    "--mode=evaluate where there are checkpoints"
)
"""What may be done where such a file is damaged."""
