"""What sets one simulated laboratory apart: its camera, its noise, its people, its coding."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from data_builders.simulation import own_settings
from data_builders.simulation.options import SimulatedOptions, changed


def apart(options: SimulatedOptions) -> Iterator[SimulatedOptions]:
    """The options of each cohort, in order, with its laboratory's own settings.

    Nobody's clips depend on who else is filmed, so that drawing each apart draws the same.

    Raises:
      UserError: a laboratory's own setting is not known or out of range.
    """
    own = own_settings.parse(options.laboratories)
    for cohort in options.cohorts:
        alone = dataclasses.replace(options, cohorts=(cohort,), laboratories="")
        yield changed(alone, own.get(cohort.database, ()))
