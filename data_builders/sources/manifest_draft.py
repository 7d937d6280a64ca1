"""Drafts a manifest from a folder tree, and says what it assumed and what is left to fill in."""

from __future__ import annotations

import collections
import csv
import io
import pathlib
import re
from collections.abc import Iterable, Sequence

from data_builders.sources import clip_files, folder_levels, manifest_columns, manifest_motion
from data_builders.sources.clip_files import FoundClip
from data_builders.sources.folder_levels import Levels
from ethnicmer_jax.base import csv_cells, files
from ethnicmer_jax.base.paths import is_folder
from ethnicmer_jax.base.schema import UserError

FILE_NAME = "manifest.csv"
_TABLES = ("*.csv", "*.xlsx", "*.tsv")


def write(folder: pathlib.Path, out: pathlib.Path | None = None) -> list[str]:
    """Writes a manifest of the clips that a folder tree seems to hold.

    Args:
      folder: its top; what folders of it are is guessed from what varies.
      out: the file; by default manifest.csv in the folder.

    Returns:
      Lines for the user: what was found, what was assumed, what is left to do.

    Raises:
      UserError: there is no such folder, no clip in it, or the file is there already.
    """
    if not is_folder(folder):
        raise UserError(f"there is no folder {folder}; --init-manifest names the top of a tree")
    out = out or folder / FILE_NAME
    if out.exists():
        raise UserError(f"{out} is there already: give another file with --raw, or delete it")
    found = list(clip_files.search(folder))
    if not found:
        raise UserError(
            f"{folder} holds no frames, videos or flow files: images with numbers in their names,"
            f" {', '.join(clip_files.VIDEO_SUFFIXES[:4])} or .npy"
        )
    depth, count = collections.Counter(len(clip.names) for clip in found).most_common(1)[0]
    clips = [clip for clip in found if len(clip.names) == depth]
    name = re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_") or "lab"
    levels = folder_levels.guess(_names(clips, name), name)
    files.write_text(out, _text(clips, levels, _from(out, folder)))
    left_out = [clip for clip in found if len(clip.names) != depth]
    return [
        f"{count} clips written to {out}",
        *levels.assumed,
        *_motions(clips),
        *_left_out(left_out, depth),
        *_tables(folder, out),
        *_to_do(levels, out, _from(out, folder).is_absolute()),
    ]


def _names(clips: Sequence[FoundClip], name: str) -> list[tuple[str, ...]]:
    """The names of clips by level; a__b__c is a level a, a level b and a clip c."""
    names = [clip.names or (name,) for clip in clips]
    parts = [each[-1].split("__") for each in names]
    if len({len(each) for each in parts}) == 1 and all(map(all, parts)):
        return [(*each[:-1], *own) for each, own in zip(names, parts, strict=True)]
    return names


def _from(out: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """The folder as the manifest has to name it."""
    try:
        return folder.resolve().relative_to(out.resolve().parent)
    except ValueError:
        return folder.resolve()


def _text(clips: Sequence[FoundClip], levels: Levels, place: pathlib.Path) -> str:
    used = {column for clip in clips for column in clip.motion}
    motion = [column for column in manifest_motion.COLUMNS if column in used]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*manifest_columns.REQUIRED, *motion])
    cells = zip(levels.database, levels.subject, levels.clip, levels.emotion, strict=True)
    for row, clip in zip(cells, clips, strict=True):
        texts = [*row, *(_cell(clip, column, place) for column in motion)]
        writer.writerow(map(csv_cells.safe, texts))
    return buffer.getvalue()


def _cell(clip: FoundClip, column: str, place: pathlib.Path) -> str:
    text = clip.motion.get(column, "")
    if not text or column in manifest_motion.FRAMES:
        return text
    return (place / text).as_posix()


def _motions(clips: Sequence[FoundClip]) -> Iterable[str]:
    for kind, count in sorted(collections.Counter(clip.kind for clip in clips).items()):
        yield f"motion: {count} × {kind}"
    if any(clip.motion.get("onset") and not clip.motion["apex"] for clip in clips):
        yield "onset and offset: the first and last frame of a folder; apex: blank, to be found"


def _left_out(clips: Sequence[FoundClip], depth: int) -> Iterable[str]:
    if clips:
        first = "/".join(clips[0].names) or "."
        yield f"not written: {len(clips)} at another depth than {depth} levels, such as {first}"


def _tables(folder: pathlib.Path, out: pathlib.Path) -> Iterable[str]:
    tables = sorted(path for pattern in _TABLES for path in folder.glob(pattern) if path != out)
    for path in tables:
        yield f"{path.name} may code these clips: a mapping file reads it (docs/manifests.md)"


def _to_do(levels: Levels, out: pathlib.Path, elsewhere: bool) -> Iterable[str]:
    blank = [name for name in manifest_columns.REQUIRED if not all(getattr(levels, name))]
    if blank:
        yield f"left to fill in: {', '.join(blank)}"
    outside = " --allow_outside" if elsewhere else ""
    yield f"then: python -m data_builders.build --source=manifest --raw={out}{outside} --check"
