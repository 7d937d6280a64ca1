"""Adds a row to one of the tables of RESULTS.md."""

from __future__ import annotations

import pathlib

from ethnicmer_jax.base import files


def add_row(path: pathlib.Path, heading: str, row: str) -> None:
    """Puts `row` below the last row of the table under `## heading`.

    Raises:
      ValueError: the file has no such heading.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    start = lines.index(f"## {heading}")
    later = (i for i in range(start + 1, len(lines)) if lines[i].startswith("## "))
    section = lines[start : next(later, len(lines))]
    last = max(i for i, line in enumerate(section) if line.startswith("|"))
    lines.insert(start + last + 1, row)
    files.write_text(path, "\n".join(lines) + "\n")
