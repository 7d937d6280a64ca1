"""networks.npz: the models of a work directory, and who taught them.

With it, the models may leave the house without the database: it says which of them may predict
whom. Identity is (database, subject); a clip that comes again under another name is known by
its flow.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Int, Shaped

from ethnicmer_jax.base import files, sums
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols.fold_table import FoldTable

FILE_NAME = "networks.npz"

STILL = 0
"""The digest of a flow that is the same everywhere: many clips may share it."""


@dataclasses.dataclass(frozen=True)
class Taught:
    """Whom and what a network has learnt from, and its start before it.

    Attributes:
      persons: "database/subject" of each.
      clips: digest of a flow (see `digests`) -> the clip's key.
    """

    persons: frozenset[str] = frozenset()
    clips: Mapping[int, str] = dataclasses.field(default_factory=dict)

    def __or__(self, other: Taught) -> Taught:
        return Taught(self.persons | other.persons, {**self.clips, **other.clips})

    def to_json(self) -> str:
        """A text that goes with weights which leave the work directory."""
        clips = {str(digest): key for digest, key in self.clips.items()}
        return json.dumps({"persons": sorted(self.persons), "clips": clips})

    @classmethod
    def from_json(cls, text: str) -> Taught:
        """Of a text by `to_json`.

        Raises:
          ValueError: it is another text.
        """
        try:
            values = json.loads(text)
            clips = {int(digest): str(key) for digest, key in values["clips"].items()}
            return cls(frozenset(map(str, values["persons"])), clips)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError("no record of persons and clips") from error


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
      classes: str [k], names of the classes, in the order of the models' outputs.
      start_person: str [p], whom the start of all models has learnt from (`config.init`).
      start_clip: str [c], the keys of the clips that it has learnt from.
      start_digest: uint64 [c], theirs.
    """

    run: Shaped[np.ndarray, " models"]
    fold: Shaped[np.ndarray, " models"]
    seed: Int[np.ndarray, " models"]
    person: Shaped[np.ndarray, " subjects"]
    taught: Bool[np.ndarray, "models subjects"]
    tested: Bool[np.ndarray, "models subjects"]
    clip: Shaped[np.ndarray, " clips"]
    digest: Shaped[np.ndarray, " clips"]
    classes: Shaped[np.ndarray, " classes"]
    start_person: Shaped[np.ndarray, " persons"]
    start_clip: Shaped[np.ndarray, " start_clips"]
    start_digest: Shaped[np.ndarray, " start_clips"]

    def __len__(self) -> int:
        return len(self.run)

    @classmethod
    def of(cls, folds: FoldTable, dataset: Dataset, start: Taught | None = None) -> Networks:
        """The models of a fold table over n clips.

        Args:
          folds: its rows are the models.
          dataset: the n clips.
          start: whom and what the network has learnt from that all of them start from.
        """
        person, index = np.unique(dataset.person, return_inverse=True)
        taught, tested = (
            np.stack([np.bincount(index[mask], minlength=len(person)) > 0 for mask in sets])
            if len(folds)
            else np.zeros((0, len(person)), bool)
            for sets in (folds.train, folds.test)
        )
        start = start or Taught()
        return cls(
            run=folds.run,
            fold=folds.fold,
            seed=folds.seed,
            person=person,
            taught=taught,
            tested=tested,
            clip=dataset.key,
            digest=digests(dataset),
            classes=np.array(dataset.emotion_names, np.str_),
            start_person=np.array(sorted(start.persons), np.str_),
            start_clip=np.array(list(start.clips.values()), np.str_),
            start_digest=np.array(list(start.clips), np.uint64),
        )

    @property
    def databases(self) -> tuple[str, ...]:
        """Of the subjects, sorted."""
        return tuple(sorted({str(name).split("/", 1)[0] for name in self.person.tolist()}))

    def teachers(self, row: int) -> Taught:
        """Of one model; all clips of whoever has taught it count."""
        persons = self.person[self.taught[row]]
        owner = np.array([key.rpartition("/")[0] for key in self.clip.tolist()], np.str_)
        own = np.isin(owner, persons)
        clips = zip(self.digest[own].tolist(), self.clip[own].tolist(), strict=True)
        before = zip(self.start_digest.tolist(), self.start_clip.tolist(), strict=True)
        start = Taught(frozenset(self.start_person.tolist()), dict(before))
        return start | Taught(frozenset(persons.tolist()), dict(clips))


def write(path: pathlib.Path, networks: Networks) -> None:
    """Writes the file, whole or not at all."""
    arrays = {field.name: getattr(networks, field.name) for field in dataclasses.fields(networks)}
    packed = {name: np.packbits(arrays[name], axis=1) for name in ("taught", "tested")}
    files.write_arrays(path, compressed=True, summed=True, **(arrays | packed))


def read(path: pathlib.Path) -> Networks:
    """The content of a file that `write` has written.

    Raises:
      UserError: it is damaged, or another file.
    """
    arrays = files.read_arrays(path, _MEND)
    try:
        read = {field.name: arrays[field.name] for field in dataclasses.fields(Networks)}
        for name in _TEXTS:
            if read[name].ndim != 1 or read[name].dtype.kind != "U":
                raise ValueError(f"{name} is no list of texts")
        count, models = len(read["person"]), len(read["run"])
        for name in ("taught", "tested"):
            read[name] = np.unpackbits(read[name], axis=1, count=count).astype(bool)
            if read[name].shape != (models, count):
                raise ValueError(f"{name} is of other networks")
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise sums.DamagedError(path, f"is damaged ({error})", _MEND) from None
    return Networks(**read)


_TEXTS = ("run", "fold", "person", "clip", "classes", "start_person", "start_clip")
_MEND = (
    "it says who has taught the networks; bring back the whole file, or train again in a new "
    "--workdir"
)
"""What may be done where such a file is damaged."""


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
