"""Finds what may be clips in a folder tree: sequences of frames, pairs, videos, flow files."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence

from data_builders.sources.frame_folder import IMAGE_SUFFIXES, frame_number

VIDEO_SUFFIXES = (".avi", ".mp4", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")
_ONSET, _APEX = "onset", "apex"


@dataclasses.dataclass(frozen=True)
class FoundClip:
    """Files that may be one clip.

    Attributes:
      kind: what they are, for people: "frames", "video", "onset and apex image" or "flow".
      names: the folders on the way to it, then its own name, without suffix.
      motion: columns of a manifest; paths are relative to the searched folder.
    """

    kind: str
    names: tuple[str, ...]
    motion: Mapping[str, str]


def search(root: pathlib.Path) -> Iterator[FoundClip]:
    """Everything below a folder that may be a clip, in order; hidden files are passed over."""
    for folder, below, files in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith("."))
        names = sorted(name for name in files if not name.startswith("."))
        yield from _in_folder(pathlib.Path(folder).relative_to(root), names)


def _in_folder(folder: pathlib.Path, files: Sequence[str]) -> Iterator[FoundClip]:
    images = [name for name in files if name.lower().endswith(IMAGE_SUFFIXES)]
    pair = {_stem(name).lower(): name for name in images}
    if set(pair) == {_ONSET, _APEX}:
        paths = {f"{end}_path": str(folder / pair[end]) for end in (_ONSET, _APEX)}
        yield FoundClip("onset and apex image", folder.parts, paths)
    elif _is_sequence(images):
        yield FoundClip("frames", folder.parts, _sequence(folder, images))
    else:
        yield from (_file("flow", folder, name, "flow") for name in images)
    for name in files:
        if name.lower().endswith(VIDEO_SUFFIXES):
            yield _file("video", folder, name, "frames")
        elif name.lower().endswith(".npy"):
            yield _file("flow", folder, name, "flow")


def _file(kind: str, folder: pathlib.Path, name: str, column: str) -> FoundClip:
    return FoundClip(kind, (*folder.parts, _stem(name)), {column: str(folder / name)})


def _is_sequence(images: Sequence[str]) -> bool:
    """Whether images differ in their last number only: img1.jpg, img2.jpg."""
    numbers = {frame_number(name) for name in images}
    starts = {_stem(name).rstrip("0123456789") for name in images}
    several = len(images) > 1 and len(numbers) == len(images)
    return several and -1 not in numbers and len(starts) == 1


def _sequence(folder: pathlib.Path, images: Sequence[str]) -> dict[str, str]:
    numbers = sorted(frame_number(name) for name in images)
    apex = str(numbers[1]) if len(numbers) == 2 else ""
    ends = {"onset": str(numbers[0]), "apex": apex, "offset": str(numbers[-1])}
    return {"frames": str(folder), **ends}


def _stem(name: str) -> str:
    return pathlib.PurePath(name).stem
