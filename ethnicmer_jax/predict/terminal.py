"""Outcomes on a terminal: one table, what went wrong, and what the numbers mean."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from ethnicmer_jax.base import labels
from ethnicmer_jax.predict.outcomes import FOUND, Outcomes, shown
from ethnicmer_jax.predict.spotting import words
from ethnicmer_jax.predict.spotting.intervals import Spotted
from ethnicmer_jax.report.prose import text

_MOST = 40
"""Clips that are shown."""

_PERSONS = 3
"""Persons of whom it is said which networks predicted them."""


def show(
    outcomes: Outcomes,
    folder: pathlib.Path,
    page: pathlib.Path | None,
    found: Mapping[str, Spotted],
) -> None:
    """Prints the probabilities and how they are to be read.

    Args:
      outcomes: what was predicted.
      folder: where the files are.
      page: the page, where one was written.
      found: recordings in which candidates were looked for.
    """
    console = Console(highlight=False, markup=False)
    if outcomes.seen:
        console.print(_table(outcomes))
    if len(outcomes.seen) > _MOST:
        console.print(f"... and {len(outcomes.seen) - _MOST} more clips in the files")
    for line in [*words.lines(found), *([words.worth()] if found else [])]:
        console.print(f"candidates: {line}", soft_wrap=True)
    for line in lines(outcomes) if outcomes.seen else []:
        console.print(line, soft_wrap=True)
    console.print(f"files: {folder}", soft_wrap=True)
    if page is not None:
        console.print(f"page: {page}", soft_wrap=True)


def failed(outcomes: Outcomes) -> None:
    """Prints one line on standard error for everything that was not predicted."""
    console = Console(highlight=False, markup=False, stderr=True)
    for failure in outcomes.failures:
        console.print(f"not predicted: {failure}", soft_wrap=True)


def lines(outcomes: Outcomes) -> list[str]:
    """What has to be known beside the numbers, one line each."""
    noted = [
        f"note on {shown(row)}: {row['notes']}"
        for row in outcomes.table.head(_MOST).to_dict("records")
        if row["notes"]
    ]
    meaning = "; ".join(
        f"{name} ({emotions})" if emotions != name else name
        for name, emotions in outcomes.meaning.items()
    )
    expected = [f"expected: {outcomes.expected}"] if outcomes.expected else []
    return [
        *_found(outcomes),
        *noted,
        *(f"note: {note}" for note in outcomes.notes),
        *(f"networks: {line}" for line in networks(outcomes)),
        *(f"note: {caveat}" for caveat in outcomes.caveats),
        f"classes: {meaning}",
        *expected,
        text("predict.use"),
    ]


def networks(outcomes: Outcomes) -> list[str]:
    """Which networks predicted, of a few persons; files have all of it."""
    more = len(outcomes.networks) - _PERSONS
    rest = [f"and so on for {more} more persons"] if more > 0 else []
    return [*outcomes.networks[:_PERSONS], *rest]


def _table(outcomes: Outcomes) -> Table:
    table = Table(
        title="probability of each class under these networks: mean ± SD over networks",
        title_justify="left",
    )
    table.add_column("clip", overflow="fold", min_width=8)
    table.add_column("most probable", overflow="fold", min_width=8)
    for name in outcomes.classes:
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("agree", "onset", "apex"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in outcomes.table.head(_MOST).to_dict("records"):
        found = "*" if row["apex_source"] == FOUND else ""
        table.add_row(
            shown(row),
            row["predicted"],
            *(
                _probability(row[f"p_{name}"], row[f"sd_{name}"], row["networks"])
                for name in outcomes.classes
            ),
            f"{row['agreeing']}/{row['networks']}",
            _number(row["onset"]),
            f"{_number(row['apex'])}{found}",
        )
    return table


def _found(outcomes: Outcomes) -> list[str]:
    """The apexes that were found, in one line."""
    found = [
        f"{shown(row)} {confidence(row['apex_confidence'])}"
        for row in outcomes.table.head(_MOST).to_dict("records")
        if row["apex_source"] == FOUND
    ]
    return [f"* apex found, with confidence: {', '.join(found)}"] if found else []


def confidence(value: float) -> str:
    """`.87`; near 1, and near 0, no more than two digits say."""
    if value >= 0.995:
        return ">.99"
    return "<.01" if value < 0.005 else labels.score(value, 2)


def spread(mean: float, deviation: float, networks: int) -> str:
    """`.712 ± .034`; the mean alone of one network."""
    if networks < 2:
        return labels.score(mean)
    return f"{labels.score(mean)} ± {labels.score(deviation)}"


def _probability(mean: float, deviation: float, networks: int) -> str:
    """`.71 ± .03`, as narrow as a terminal wants it."""
    shown = confidence(mean)
    return shown if networks < 2 else f"{shown} ± {labels.score(deviation, 2)}"


def _number(frame: int) -> str:
    return str(frame) if frame >= 0 else labels.MISSING
