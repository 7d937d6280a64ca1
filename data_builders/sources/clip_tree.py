"""The clips of a folder tree as a table, its columns named by a pattern of the mapping file.

`{emotion}/VP{subject}/{clip}` names a cell for each part of a clip's path (without suffix);
`*` stands for a part that is not used.
"""

from __future__ import annotations

import pathlib
import re

from data_builders.sources import clip_files, manifest_motion
from data_builders.sources.text_table import TextTable
from ethnicmer_jax.base.schema import UserError

_PART = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}|(\*)")


def parse(mapping: pathlib.Path, pattern: str) -> tuple[TextTable, list[str]]:
    """A row for each clip that fits a pattern: its parts, and where its files are.

    Args:
      mapping: the mapping file; the tree begins in its folder.
      pattern: names of columns in braces, parted by `/`.

    Returns:
      The table, and of each clip the mapping file and its path, for messages.

    Raises:
      UserError: the pattern cannot be one, or no clip fits it.
    """
    fits = _expression(mapping, pattern)
    found = list(clip_files.search(mapping.parent))
    matches = [(clip, fits.fullmatch("/".join(clip.names))) for clip in found]
    fitting = [(clip, match) for clip, match in matches if match is not None]
    if not fitting:
        example = f", such as {'/'.join(found[0].names)}" if found else ""
        raise UserError(
            f"{mapping.name}: none of {len(found)} clips fits tree = {pattern!r}{example}"
        )
    used = {name for clip, _ in fitting for name in clip.motion}
    motion = [name for name in manifest_motion.COLUMNS if name in used]
    columns = (*fits.groupindex, *motion)
    rows = tuple(
        (number, (*match.groups(), *(clip.motion.get(name, "") for name in motion)))
        for number, (clip, match) in enumerate(fitting, 1)
    )
    left = [clip for clip, match in matches if match is None]
    notes: tuple[str, ...] = ()
    if left:
        shown = "/".join(left[0].names)
        notes = (f"{mapping.name}: {len(left)} clips do not fit {pattern!r}, such as {shown}",)
    table = TextTable(columns, tuple(range(1, len(columns) + 1)), rows, notes)
    return table, [f"{mapping.name} {'/'.join(clip.names)}" for clip, _ in fitting]


def _expression(mapping: pathlib.Path, pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression with a group for each column."""
    text, position = "", 0
    for part in _PART.finditer(pattern):
        text += re.escape(pattern[position : part.start()])
        text += "[^/]*" if part[2] else f"(?P<{part[1]}>[^/]+)"
        position = part.end()
    try:
        found = re.compile(text + re.escape(pattern[position:]))
    except re.error as error:
        raise UserError(f"{mapping.name}: tree = {pattern!r} cannot be: {error}") from error
    if taken := [name for name in found.groupindex if name in manifest_motion.COLUMNS]:
        raise UserError(f"{mapping.name}: {{{taken[0]}}} of tree is found with the clip's files")
    if not found.groupindex:
        raise UserError(
            f"{mapping.name}: tree = {pattern!r} names no column, as {{subject}}/{{clip}} does"
        )
    return found
