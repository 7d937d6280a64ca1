"""An input as it is named -> the clips that it holds, and what is wrong with it."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from data_builders.sources import manifest
from data_builders.sources.base import ClipTask
from data_builders.sources.frame_folder import IMAGE_SUFFIXES, FrameFolder
from ethnicmer_jax.base.paths import is_file, is_folder, shown
from ethnicmer_jax.base.schema import UNKNOWN, ClipLabels, ClipRecord, UserError
from ethnicmer_jax.data import dataset
from ethnicmer_jax.predict.recordings import Cut, Held, Recorded, Recording
from ethnicmer_jax.predict.request import Input, Request

OWN = "own"
"""Database of clips that belong to none."""

SOMEBODY = "somebody"
"""Subject of clips of a person who is not named."""

UNCODED = "others"
"""The emotion of clips that nobody coded, which only stands for one: no network sees it, and
`ClipLabels.raw_emotion` is blank."""

TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".toml")
_DATABASE = "dataset_info.json"


@dataclasses.dataclass(frozen=True)
class Failure:
    """A clip, or a whole input, of which nothing can be predicted.

    Attributes:
      source: the input, as it was named.
      clip: which clip of it; "" for the whole input, or where the reason says so.
      reason: what is wrong and how to mend it, one line.
    """

    source: str
    clip: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.source} ({self.clip})" if self.clip else self.source
        told = self.reason if self.reason.startswith(where) else f"{where}: {self.reason}"
        return " ".join(told.split())


@dataclasses.dataclass(frozen=True)
class Listed:
    """A clip whose pixels have not been read, or one from a database, whose pixels are there.

    Attributes:
      source: the input, as it was named.
      task: labels and motion; None for a clip from a database.
      record: a clip from a database.
      notes: what should be known of it, one line each.
    """

    source: str
    task: ClipTask | None = None
    record: ClipRecord | None = None
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> ClipLabels:
        """Of the clip."""
        found = self.task or self.record
        assert found is not None, "a listed clip has the one or the other"
        return found.labels


@dataclasses.dataclass(frozen=True)
class Contents:
    """What inputs hold.

    Attributes:
      clips: in the order of the inputs; no two have the same key.
      failures: what cannot be predicted.
      notes: what is to be known of whole inputs, one line each.
    """

    clips: tuple[Listed, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]


def read(request: Request, options: Mapping[str, Any] | None = None) -> Contents:
    """Lists the clips of all inputs; no frame is looked at yet.

    Args:
      request: what is asked for.
      options: `BuildOptions.identity()` of the work directory, which databases are compared with.
    """
    clips: dict[str, Listed] = {}
    failures: list[Failure] = []
    notes: list[str] = []
    names = _names(request.inputs)
    for number, (given, name) in enumerate(zip(request.inputs, names, strict=True)):
        reader = _Reader(request, name, given, request.coded(number), options or {})
        try:
            for listed in reader.clips():
                key = listed.labels.key
                if key in clips:
                    reason = f"{key} is there already, from {clips[key].source}"
                    failures.append(Failure(listed.source, listed.labels.clip, reason))
                    continue
                clips[key] = listed
        except (UserError, ValueError) as error:
            failures.append(Failure(reader.source, "", " ".join(str(error).split())))
        failures += reader.failures
        notes += reader.notes
    return Contents(tuple(clips.values()), tuple(failures), tuple(notes))


@dataclasses.dataclass
class _Reader:
    """Reads one input."""

    request: Request
    name: str
    given: Input
    coded: Cut
    options: Mapping[str, Any]
    failures: list[Failure] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def source(self) -> str:
        return source_of(self.given)

    def clips(self) -> Iterator[Listed]:
        if isinstance(self.given, np.ndarray):
            return self._recorded(Held(self.source, self.name, self.given))
        path = pathlib.Path(self.given)
        if is_file(path):
            return self._of_file(path)
        if not is_folder(path):
            raise ValueError(f"there is no file or folder {shown(path)}")
        if database := built_database(path):
            return self._of_database(database)
        return self._of_folder(path)

    def _of_file(self, path: pathlib.Path) -> Iterator[Listed]:
        suffix = path.suffix.lower()
        if suffix in TABLES:
            return self._of_manifest(path)
        if suffix in IMAGE_SUFFIXES:
            raise ValueError("is one image, and a motion needs two: name the folder of the frames")
        return self._recorded(Recorded(self.source, self.name, path))

    def _of_folder(self, path: pathlib.Path) -> Iterator[Listed]:
        if not FrameFolder.read(path).names:
            raise ValueError(_no_frames(path))
        return self._recorded(Recorded(self.source, self.name, path))

    def _recorded(self, recording: Recording) -> Iterator[Listed]:
        database, subject = OWN, SOMEBODY
        if self.request.person:
            database, subject = self.request.labels_of_person()
        coded = any((self.coded.onset, self.coded.apex, self.coded.offset))
        cuts = [self.coded] if coded else self.request.cutter(recording)
        for cut in cuts:
            frames = recording.frames(cut)
            onset, apex, offset = frames.numbers
            labels = ClipLabels(
                database=database,
                subject=subject,
                clip=recording.name if len(cuts) == 1 else f"{recording.name}@{cut.onset}",
                emotion=UNCODED,
                raw_emotion="",
                ethnicity=self.request.ethnicity or UNKNOWN,
                fps=recording.fps(),
                onset=onset,
                apex=apex,
                offset=offset,
            )
            yield Listed(self.source, ClipTask(labels, frames.motion), notes=cut.notes)

    def _of_manifest(self, path: pathlib.Path) -> Iterator[Listed]:
        otherwise = {"database": OWN, "subject": SOMEBODY, "emotion": UNCODED}
        outside = self.request.allow_outside
        listing = manifest.list_clips(path, otherwise=otherwise, allow_outside=outside)
        self.notes += listing.notes
        for problem in listing.problems:
            reason = f"{problem.where.removeprefix(path.name).strip()}: {problem.what}"
            self.failures.append(Failure(self.source, "", reason))
        told: set[str] = set()
        for task in listing.tasks:
            if task.key in told:  # the listing has said so
                continue
            told.add(task.key)
            yield Listed(self.source, ClipTask(self._told(task.labels), task.motion))

    def _of_database(self, path: pathlib.Path) -> Iterator[Listed]:
        records, metadata = dataset.read_records(path)
        built = {**metadata.get("options", {})}
        for name, ours in self.options.items():
            theirs = built.get(name, ours)
            if json.dumps(theirs) != json.dumps(ours):
                self.notes.append(
                    f"{self.source}: was built with {name}={theirs}, the networks were trained "
                    f"on clips with {name}={ours}"
                )
        for record in records:
            labels = self._told(record.labels)
            yield Listed(self.source, record=dataclasses.replace(record, labels=labels))

    def _told(self, labels: ClipLabels) -> ClipLabels:
        """The labels with the ethnicity that the command line tells."""
        if not self.request.ethnicity:
            return labels
        return dataclasses.replace(labels, ethnicity=self.request.ethnicity)


def source_of(given: Input) -> str:
    """How an input is spoken of."""
    if isinstance(given, np.ndarray):
        return f"array of {len(given) if given.ndim else 0} frames"
    return os.fspath(given)


def built_database(path: pathlib.Path) -> pathlib.Path | None:
    """The directory of a built database's version: `path`, or the only one in it."""
    if is_file(path / _DATABASE):
        return path
    versions = [found.parent for found in path.glob(f"*/{_DATABASE}")]
    return versions[0] if len(versions) == 1 else None


def _names(inputs: Sequence[Input]) -> list[str]:
    """What the clips of each input are called: its name, with a number where it is not alone."""
    names: list[str] = []
    for given in inputs:
        name = "frames" if isinstance(given, np.ndarray) else _stem(pathlib.Path(given))
        taken = [other for other in names if other == name or other.startswith(f"{name}~")]
        names.append(f"{name}~{len(taken) + 1}" if taken else name)
    return names


def _stem(path: pathlib.Path) -> str:
    """The last part of a path, as a clip's code may be written."""
    name = path.stem if is_file(path) else path.absolute().name
    plain = "".join("_" if c == "/" or unicodedata.category(c) == "Cc" else c for c in name)
    return plain if plain.strip(".") else "clip"


def _no_frames(path: pathlib.Path) -> str:
    """What a folder without frames holds instead, and what to name."""
    names = sorted(entry.name for entry in path.iterdir())
    what = f"holds no image with a frame number in its name ({', '.join(IMAGE_SUFFIXES)})"
    if "config.json" in names:
        return f"{what}; it looks like a work directory, which --workdir names"
    if "manifest.csv" in names:
        return f"{what}; name its manifest.csv"
    if any(entry.is_dir() and FrameFolder.read(entry).names for entry in path.iterdir()):
        return f"{what}; name the folders in it, such as {path.name}/*"
    if names:
        return f"{what}, and is no built database; it holds {', '.join(names[:3])}"
    return f"{what}: it is empty"
