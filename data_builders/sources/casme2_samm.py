"""The source `casme2_samm`: the cross-cultural database, CASME II and SAMM in one.

Both databases lie in one folder, each in a folder of its own or side by side.
"""

from __future__ import annotations

import pathlib

from data_builders.sources import casme2, samm
from data_builders.sources.base import Listing


def list_clips(raw: pathlib.Path, ethnicity: pathlib.Path | None = None) -> Listing:
    """Lists the clips of CASME II, then those of SAMM; see `coded_folder.list_clips`."""
    listings = [source.list_clips(raw, ethnicity) for source in (casme2, samm)]
    return Listing(
        tuple(task for listing in listings for task in listing.tasks),
        tuple(problem for listing in listings for problem in listing.problems),
        tuple(note for listing in listings for note in listing.notes),
    )
