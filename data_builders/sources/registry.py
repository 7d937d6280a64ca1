"""Finds a source by its name; modules are imported when they are asked for."""

from __future__ import annotations

import importlib
import pathlib

from data_builders.simulation.options import SimulatedOptions
from data_builders.sources import listing_checks
from data_builders.sources.base import Listing
from ethnicmer_jax.base.schema import UserError

SIMULATED = "simulated"
SOURCES = (SIMULATED, "manifest", "casme2", "samm", "casme2_samm")
"""Each is a module of data_builders.sources with a function `list_clips`."""

EXACT = ("manifest",)
"""Sources whose every row the user wrote: a faulty row is a failure, never left out."""


def list_clips(
    source: str,
    raw: str,
    simulated: SimulatedOptions | None = None,
    ethnicity: pathlib.Path | None = None,
) -> Listing:
    """The clips of a source.

    Args:
      source: one of SOURCES.
      raw: folder or file of the raw database; not used by `simulated`.
      simulated: what `simulated` shows; None for the defaults.
      ethnicity: table of ethnicities; None for the one beside the raw data, if any.

    Raises:
      UserError: the source is unknown, or its folder or file cannot be used.
    """
    if source not in SOURCES:
        raise UserError(f"unknown source {source!r}: use one of {', '.join(SOURCES)}")
    module = importlib.import_module(f"data_builders.sources.{source}")
    if source == SIMULATED:
        return listing_checks.checked(module.list_clips(simulated or SimulatedOptions()))
    if not raw:
        raise UserError(f"the source {source} needs --raw, where its raw data are")
    return listing_checks.checked(module.list_clips(pathlib.Path(raw), ethnicity))
