"""What a database of the field with a reader of its own has to say of itself."""

from __future__ import annotations

import abc
import dataclasses
import pathlib

from data_builders.sources.base import Listing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Database(abc.ABC):
    """A database: its names, where its licence is to be had, and what its folder looks like.

    Attributes:
      name: the database in records and in `--source`, e.g. "casme2".
      title: the database in messages, e.g. "CASME II".
      licence: where to ask for the data; the address of a page.
      layout: the expected files and folders below `--raw`, a line each.
      fps: frames per second.
    """

    name: str
    title: str
    licence: str
    layout: tuple[str, ...]
    fps: float

    @abc.abstractmethod
    def list_clips(self, raw: pathlib.Path, ethnicity: pathlib.Path | None = None) -> Listing:
        """Lists the database's clips and everything that is wrong with them.

        Args:
          raw: the folder that holds the database, in a folder called `name` (in any case)
            or directly.
          ethnicity: table of ethnicities; by default ethnicity.csv in the folder of the
            database or beside it, where it exists.

        Raises:
          UserError: the folder as a whole, or the table, cannot be used.
        """
