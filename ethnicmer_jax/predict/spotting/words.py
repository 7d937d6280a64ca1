"""What was found in recordings, in words."""

from __future__ import annotations

from collections.abc import Mapping

from ethnicmer_jax.base import labels
from ethnicmer_jax.predict.spotting.intervals import Spotted
from ethnicmer_jax.report.prose import text


def lines(found: Mapping[str, Spotted]) -> list[str]:
    """One sentence for each recording."""
    return [
        text(
            "spot.found",
            source=source,
            count=len(spotted.intervals),
            length=labels.decimal(spotted.seconds[-1], 1),
            unseen=labels.percent(spotted.unseen),
            gaps=spotted.unseen > 0,
        )
        for source, spotted in found.items()
    ]


def worth() -> str:
    """How many candidates are micro-expressions in simulated recordings, and what that means."""
    return text("spot.worth")
