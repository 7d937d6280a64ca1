"""The candidates of recordings on the page of predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ethnicmer_jax.base import labels
from ethnicmer_jax.predict.spotting import tables, words
from ethnicmer_jax.predict.spotting.intervals import Spotted
from ethnicmer_jax.report import columns, style
from ethnicmer_jax.report.html_page import Block, Gallery, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.report.tables import Column, Table

_POINTS = 1500
"""Points of a curve that are drawn: of more, the highest of its neighbours."""


def section(found: Mapping[str, Spotted]) -> Section:
    """Curves and candidates; what they are worth is said in the page's conclusion."""
    blocks: list[Block] = [Prose(words.lines(found))]
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
                    Column("Score", "{score:,.1f}"),
                ],
            )
        )
    return Section("candidates", "Candidate intervals", [*blocks, Prose(paragraphs("spot.how"))])


def curve(source: str, spotted: Spotted, number: int) -> Figure:
    """The score over time with the threshold and the candidates.

    Args:
      source: the recording's name.
      spotted: what was found in it.
      number: its place on the page, which names the file.
    """
    seconds, score = _thinned(spotted.seconds, spotted.curve)
    threshold, count = labels.decimal(spotted.threshold, 1), len(spotted.intervals)
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
        return style.finish(
            figure,
            name=f"candidates_{number}",
            caption=text("spot.curve", source=source, threshold=threshold),
            alt=f"Score of {source} over {labels.decimal(spotted.seconds[-1], 1)} seconds with "
            f"{count} candidate {'interval' if count == 1 else 'intervals'}.",
        )


def _spans(spotted: Spotted) -> Iterator[tuple[float, float]]:
    """Start and end of each candidate in seconds."""
    for one in spotted.intervals:
        yield spotted.at(one.onset), spotted.at(one.offset)


def _thinned(seconds: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, Sequence[float]]:
    """At most _POINTS points; a peak stays as high as it is, a gap stays one."""
    step = -(-len(seconds) // _POINTS)
    starts = np.arange(0, len(seconds), step)
    return seconds[starts], np.fmax.reduceat(score, starts)
