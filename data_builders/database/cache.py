"""Keeps the computed pixels of each clip, so that a killed build resumes where it stopped.

What a clip's pixels depend on is hashed: the content of its files, how its reader picks
from them, the options, and PIXELS_VERSION. Labels are not part of it: relabelling
recomputes nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ethnicmer_jax.base import files, sums

PIXELS_VERSION = 5
"""Of the code that turns files and options into pixels. Raise it with every change of what that
code computes (tests/test_database_pixels.py notices), never for a comment or a new name:
databases are then built anew under another name, instead of keeping stale clips."""


@dataclasses.dataclass(frozen=True)
class Pixels:
    """What is computed for one clip; fields as in `schema.ClipRecord`.

    Attributes:
      notes: what the computation has to tell about the clip, e.g. the face's score.
    """

    flow: np.ndarray
    flow_unit: str
    onset_image: np.ndarray | None = None
    apex_image: np.ndarray | None = None
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)


def fingerprint(*parts: Any) -> str:
    """Hex SHA-256 of values built from dataclasses, mappings, sequences, text and numbers.

    A path counts by the content of its file, so that a database may be moved or copied.
    """
    text = json.dumps([PIXELS_VERSION, *map(_plain, parts)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, pathlib.Path):
        return _content(value)
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return [type(value).__name__, _plain(fields)]
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return [str(value.dtype), value.shape, hashlib.sha256(value.tobytes()).hexdigest()]
    return value if isinstance(value, str | int | float | None) else repr(value)


def _content(path: pathlib.Path) -> str:
    if not path.is_file():
        return path.name
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclasses.dataclass(frozen=True)
class ClipCache:
    """A folder with one file per clip; deleting it costs time, never a result."""

    folder: pathlib.Path

    def load(self, key: str) -> Pixels | None:
        """The pixels stored under a fingerprint; None where there are none to be read."""
        path = self._path(key)
        if not path.exists():
            return None
        try:
            stored = files.read_arrays(path)
            about = json.loads(str(stored.pop("about")))
            return Pixels(**stored, **about)
        except FileNotFoundError:
            return None
        except (sums.DamagedError, ValueError, KeyError, TypeError):
            sums.set_aside(path, "the clip is computed again")
            return None

    def store(self, key: str, pixels: Pixels) -> None:
        """Stores a clip's pixels, whole or not at all."""
        about = json.dumps({"flow_unit": pixels.flow_unit, "notes": dict(pixels.notes)})
        arrays = {
            name: array
            for name in ("flow", "onset_image", "apex_image")
            if (array := getattr(pixels, name)) is not None
        }
        files.write_arrays(self._path(key), summed=True, about=np.array(about), **arrays)

    def _path(self, key: str) -> pathlib.Path:
        return self.folder / key[:2] / f"{key}.npz"
