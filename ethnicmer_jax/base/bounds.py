"""How much of a file that somebody gives is read: what bounds memory and time of every reader.

Each limit is far above what databases of micro-expressions hold, and docs/limits.md lists them.
"""

from __future__ import annotations

import pathlib

from ethnicmer_jax.base.schema import UserError

MEBI = 2**20

TABLE_BYTES = 64 * MEBI
"""Of a table of text: a manifest, a table of ethnicities, a list of subjects."""

TABLE_ROWS = 200_000
"""Of a table of clips, in text or in a workbook."""

TABLE_COLUMNS = 1_000
"""Of a table of clips, in text or in a workbook."""

WORKBOOK_BYTES = 64 * MEBI
"""Of a workbook (.xlsx), packed and again unpacked."""

WORKBOOK_CELLS = 20_000_000
"""Of a workbook: the length of its rows, added up, blank cells counted."""

SETTINGS_BYTES = MEBI
"""Of a mapping file."""

PIXELS = 36_000_000
"""Of one frame of a film, an image or a flow field: more than 8K video has."""

FRAMES = 1_000_000
"""Of a film."""


def content(path: pathlib.Path, limit: int, kind: str) -> bytes:
    """The content of a file.

    Args:
      path: the file.
      limit: bytes that it may have.
      kind: what it is, for messages.

    Raises:
      UserError: it is larger.
    """
    check_size(path, limit, kind)
    return path.read_bytes()


def check_size(path: pathlib.Path, limit: int, kind: str) -> None:
    """Refuses a file of more than `limit` bytes; arguments and errors as of `content`."""
    size = path.stat().st_size
    if size > limit:
        raise UserError(
            f"{path} has {size / MEBI:,.0f} MiB, and a {kind} of more than {limit // MEBI} is not "
            "read: is it the right file?"
        )


def pixel_fault(width: int, height: int) -> str:
    """Why an image of this size is not decoded; "" where it may be."""
    if width * height <= PIXELS:
        return ""
    return (
        f"is {width}×{height} pixels, and more than {PIXELS // 1_000_000} million are not decoded: "
        "scale it down"
    )
