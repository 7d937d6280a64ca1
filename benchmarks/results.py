"""Rows of figures for the tables of RESULTS.md, with what it took to measure them."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import os
import pathlib
import platform
import shlex
import sys
from collections.abc import Sequence

from ethnicmer_jax.base import files
from ethnicmer_jax.base.schema import UserError

_OWN = pathlib.Path(__file__).with_name("RESULTS.md")
"""Has every table, with what its columns mean."""


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a file of results; made by `opened`.

    Attributes:
      path: of the file; None for a table that nothing is added to.
      heading: of its section.
    """

    path: pathlib.Path | None
    heading: str

    @classmethod
    def opened(cls, path: str, heading: str) -> Table:
        """The table under `## heading`, to be called before anything is measured.

        A file that is not there is made, and a table that a file has not: with the words and the
        columns of this project's own RESULTS.md.

        Args:
          path: of the file, "" for none.
          heading: one of those of this project's own RESULTS.md.

        Raises:
          UserError: the file cannot be read or written.
        """
        if not path:
            return cls(None, heading)
        file = pathlib.Path(path)
        try:
            text = file.read_text(encoding="utf-8") if file.exists() else "# Measurements\n"
            if f"## {heading}" not in text.splitlines():
                text = f"{text.rstrip()}\n\n{_empty_table(heading)}"
            files.write_text(file, text)
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"--results={path} cannot be used ({error}): nothing has been measured"
            ) from None
        return cls(file, heading)

    def add(self, cells: Sequence[str]) -> None:
        """Prints a row, and puts it below the last one of the table.

        Raises:
          ValueError: the table has another number of columns.
        """
        row = f"| {' | '.join(cells)} |"
        print(row, flush=True)
        if self.path is None:
            return
        lines = self.path.read_text(encoding="utf-8").splitlines()
        start, end = _section(lines, self.heading)
        rows = [place for place in range(start, end) if lines[place].startswith("|")]
        if len(cells) != lines[rows[0]].count("|") - 1:
            raise ValueError(f"{len(cells)} cells for the columns {lines[rows[0]]}")
        # Below a table there may be words on it.
        last = next(place for place in rows if place + 1 not in rows)
        lines.insert(last + 1, row)
        files.write_text(self.path, "\n".join(lines) + "\n")


def today() -> str:
    """The date of a row, of UTC."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def machine() -> str:
    """Processor and cores that this process may use."""
    count = cores()
    return f"{_processor()}, {count} core{'s' if count > 1 else ''}"


def cores() -> int:
    """How many this process may use."""
    known = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1


def versions(*packages: str) -> str:
    """Of Python packages."""
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)


def command() -> str:
    """The command line of this benchmark; of paths outside the working directory only the name."""
    name = sys.modules["__main__"].__spec__
    words = [f"python -m {name.name}" if name else "python"]
    for word in sys.argv[1:]:
        flag, _, value = word.partition("=")
        if flag == "--results":
            continue
        if pathlib.Path(value).is_absolute():
            word = f"{flag}=PATH/{pathlib.Path(value).name}"
        words.append(shlex.quote(word))
    return f"`{' '.join(words)}`"


def _processor() -> str:
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return " ".join([*names[:1], platform.machine()])


def _empty_table(heading: str) -> str:
    """The section of this project's own file up to the head of its table."""
    lines = _OWN.read_text(encoding="utf-8").splitlines()
    start, end = _section(lines, heading)
    rule = next(place for place in range(start, end) if lines[place].startswith("|--"))
    return "\n".join(lines[start : rule + 1]) + "\n"


def _section(lines: Sequence[str], heading: str) -> tuple[int, int]:
    """First line of a section, and the first one after it."""
    start = lines.index(f"## {heading}")
    later = (i for i in range(start + 1, len(lines)) if lines[i].startswith("## "))
    return start, next(later, len(lines))
