"""The candidates of recordings on the page of predictions, and on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ethnicmer_jax.base import labels
from ethnicmer_jax.predict.spotting import tables
from ethnicmer_jax.predict.spotting.intervals import Spotted
from ethnicmer_jax.report import columns, style
from ethnicmer_jax.report.html_page import Block, Gallery, Note, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.report.tables import Column, Table

_POINTS = 1500
"""Points of a curve that are drawn: of more, the highest of its neighbours."""


def section(found: Mapping[str, Spotted]) -> Section:
    """Curves, candidates, and what they are worth."""
    blocks: list[Block] = [Prose(lines(found)), Note(text("spot.worth"))]
    drawn = [curve(source, one, i) for i, (source, one) in enumerate(found.items(), start=1)]
    blocks.append(Gallery(drawn))
    frame = tables.intervals(found)
    if len(frame):
        blocks.append(
            Table(
                "intervals",
                text("spot.intervals"),
                frame,
                [
                    columns.text("Recording", "input"),
                    Column("Seconds", "{onset_s:.2f} to {offset_s:.2f}"),
                    Column("Onset, apex, offset", "{onset}, {apex}, {offset}"),
                    Column("Length [s]", "{length_s:.2f}"),
                    Column("Score", "{score:decimal}"),
                ],
            )
        )
    return Section("candidates", "Candidate intervals", [*blocks, Prose(paragraphs("spot.how"))])


def lines(found: Mapping[str, Spotted]) -> list[str]:
    """One sentence per recording."""
    return [
        text(
            "spot.found",
            source=source,
            count=len(spotted.intervals),
            length=labels.decimal(_seconds(spotted)[-1]),
            unseen=labels.percent(spotted.unseen),
            gaps=spotted.unseen > 0,
        )
        for source, spotted in found.items()
    ]


def curve(source: str, spotted: Spotted, number: int) -> Figure:
    """The score over time with the threshold and the candidates.

    Args:
      source: the recording's name.
      spotted: what was found in it.
      number: its place on the page, which names the file.
    """
    seconds, score = _thinned(_seconds(spotted), spotted.curve)
    with style.styled():
        figure = style.canvas(style.NARROW, 2.3)
        axes = figure.subplots()
        for low, high in _spans(spotted):
            axes.axvspan(low, high, color=style.PALETTE[1], alpha=0.35, linewidth=0)
        axes.plot(seconds, score, color=style.PALETTE[0], linewidth=0.9)
        axes.axhline(spotted.threshold, color=style.MUTED, linestyle="--", linewidth=1)
        axes.set_xlabel("seconds")
        axes.set_ylabel("motion / noise")
        axes.set_ylim(bottom=0)
        axes.margins(x=0)
        count = len(spotted.intervals)
        return style.finish(
            figure,
            name=f"candidates_{number}",
            caption=text("spot.curve", source=source, threshold=labels.decimal(spotted.threshold)),
            alt=f"Score of {source} over {labels.decimal(_seconds(spotted)[-1])} seconds with "
            f"{count} candidate {'interval' if count == 1 else 'intervals'}.",
        )


def _seconds(spotted: Spotted) -> np.ndarray:
    return (spotted.numbers - spotted.numbers[0]) / spotted.fps


def _spans(spotted: Spotted) -> Iterator[tuple[float, float]]:
    """Start and end of each candidate in seconds."""
    first = spotted.numbers[0]
    for one in spotted.intervals:
        yield (one.onset - first) / spotted.fps, (one.offset - first) / spotted.fps


def _thinned(seconds: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, Sequence[float]]:
    """At most _POINTS points; a peak stays as high as it is, a gap stays one."""
    step = -(-len(seconds) // _POINTS)
    starts = np.arange(0, len(seconds), step)
    return seconds[starts], np.fmax.reduceat(score, starts)
