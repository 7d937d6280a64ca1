"""networks.npz: the models of a work directory, and who taught them.

With it, the models may leave the house without the database: it says which of them may predict
whom. Identity is (database, subject); a clip that comes again under another name is known by
its flow.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib

import numpy as np
from jaxtyping import Bool, Int, Shaped

from ethnicmer_jax.base import files
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols.fold_table import FoldTable

FILE_NAME = "networks.npz"

STILL = 0
"""The digest of a flow that is the same everywhere: many clips may share it."""


@dataclasses.dataclass(frozen=True)
class Networks:
    """m models and the s subjects of the database that they were trained on.

    Attributes:
      run: str [m], texts of `RunId`.
      fold: str [m].
      seed: int [m].
      person: str [s], "database/subject", sorted.
      taught: bool [m, s], whether a model has learnt from any clip of the subject.
      tested: bool [m, s], whether its fold tests the subject.
      clip: str [n], keys of all clips.
      digest: uint64 [n], see `digests`.
    """

    run: Shaped[np.ndarray, " models"]
    fold: Shaped[np.ndarray, " models"]
    seed: Int[np.ndarray, " models"]
    person: Shaped[np.ndarray, " subjects"]
    taught: Bool[np.ndarray, "models subjects"]
    tested: Bool[np.ndarray, "models subjects"]
    clip: Shaped[np.ndarray, " clips"]
    digest: Shaped[np.ndarray, " clips"]

    def __len__(self) -> int:
        return len(self.run)

    @classmethod
    def of(cls, folds: FoldTable, dataset: Dataset) -> Networks:
        """The models of a fold table over n clips."""
        person, index = np.unique(dataset.person, return_inverse=True)
        sides = (
            np.stack([np.bincount(index[mask], minlength=len(person)) > 0 for mask in sets])
            if len(folds)
            else np.zeros((0, len(person)), bool)
            for sets in (folds.train, folds.test)
        )
        columns = (folds.run, folds.fold, folds.seed)
        return cls(*columns, person, *sides, dataset.key, digests(dataset))


def write(path: pathlib.Path, networks: Networks) -> None:
    """Writes the file, whole or not at all."""
    arrays = {field.name: getattr(networks, field.name) for field in dataclasses.fields(networks)}
    packed = {name: np.packbits(arrays[name], axis=1) for name in ("taught", "tested")}
    files.write_arrays(path, compressed=True, **(arrays | packed))


def read(path: pathlib.Path) -> Networks:
    """The content of a file that `write` has written."""
    with np.load(path, allow_pickle=False) as arrays:
        read = {field.name: arrays[field.name] for field in dataclasses.fields(Networks)}
    count = len(read["person"])
    for name in ("taught", "tested"):
        read[name] = np.unpackbits(read[name], axis=1, count=count).astype(bool)
    return Networks(**read)


def digests(dataset: Dataset) -> Shaped[np.ndarray, " clips"]:
    """A number for the flow of each clip, uint64 [n]: the same for the same pixels.

    Two different flows share it with a chance of 2⁻⁶⁴; `STILL` where nothing moves.
    """
    return np.array([_digest(flow) for flow in dataset.flow], np.uint64)


def _digest(flow: np.ndarray) -> int:
    if (flow == flow[:1, :1]).all():
        return STILL
    content = hashlib.sha256(np.ascontiguousarray(flow, np.float32).tobytes())
    return int.from_bytes(content.digest()[:8], "little")
