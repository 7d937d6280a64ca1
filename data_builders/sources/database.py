"""What a database of the field with a reader of its own has to say of itself."""

from __future__ import annotations

import abc
import dataclasses
import pathlib
from collections.abc import Callable

from data_builders.sources import codes
from data_builders.sources.base import Listing
from data_builders.sources.frame_tree import folders
from ethnicmer_jax.base.schema import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Database(abc.ABC):
    """A database: its names, where its licence is to be had, and what its folder looks like.

    Attributes:
      name: the database in records and in `--source`, e.g. "casme2".
      title: the database in messages, e.g. "CASME II".
      licence: where to ask for the data; the address of a page.
      layout: the expected files and folders below `--raw`, a line each.
      fps: frames per second.
      people: the name of the database whose people these are, where several show the same: no
        two of them can be merged, since folds would train on a person and test on the same.
    """

    name: str
    title: str
    licence: str
    layout: tuple[str, ...]
    fps: float
    people: str = ""

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


def own_folder(
    raw: pathlib.Path, database: Database, holds: Callable[[pathlib.Path], object] = bool
) -> pathlib.Path:
    """The folder called as the database in `raw`, or `raw` itself.

    Args:
      raw: the user's folder.
      database: whose folder to look for, by any of its names (`codes.database`).
      holds: whether a folder of this name has what the database is read from: frames may
        lie in a folder called SAMM, and their sheet beside it.

    Raises:
      UserError: there is no folder `raw`.
    """
    if not raw.is_dir():
        raise UserError(f"there is no folder {raw}; --raw names the folder of {database.title}")
    named = [path for path in folders(raw) if codes.same_database(path.name, database.name)]
    return named[0] if len(named) == 1 and holds(named[0]) else raw
