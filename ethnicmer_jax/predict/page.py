"""The page of predictions: one section for each clip, and what its numbers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ethnicmer_jax.base import labels
from ethnicmer_jax.predict import figures
from ethnicmer_jax.predict.outcomes import FOUND, Outcomes, shown
from ethnicmer_jax.predict.terminal import confidence, networks, spread
from ethnicmer_jax.report import columns, provenance
from ethnicmer_jax.report.html_page import (
    Block,
    Document,
    Facts,
    Gallery,
    Listing,
    Note,
    Prose,
    Section,
)
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.tables import Column, Table

SHOWN = 40
"""Clips that are drawn: a page of hundreds would be too heavy to open."""


def build(
    outcomes: Outcomes,
    heat: Mapping[tuple[str, str, str], np.ndarray],
    command: str,
    candidates: Section | None = None,
) -> Document:
    """Puts the page together.

    Args:
      outcomes: what was predicted.
      heat: (database, subject, clip) -> its map; clips without one have none drawn.
      command: that makes the page again.
      candidates: what was found in recordings, where the clips are candidate intervals.
    """
    rows = outcomes.table.to_dict("records")
    return Document(
        title="Predictions",
        question=text("predict.question"),
        conclusion=_conclusion(outcomes, rows, candidates is not None),
        sections=[
            *([candidates] if candidates else []),
            Section("probabilities", "Probabilities", _tables(outcomes)),
            *_clips(outcomes, rows[:SHOWN], heat),
            Section(
                "how",
                "How it was done",
                [Prose(paragraphs("predict.how", detector=outcomes.detector))],
            ),
            provenance.responsible_use(),
            Section("again", "Make it again", [Listing(command)]),
        ],
    )


def _conclusion(outcomes: Outcomes, rows: Sequence[dict], spotted: bool) -> list[str]:
    counts = sorted({row["networks"] for row in rows})
    several = " to ".join(str(count) for count in (counts[:1] + counts[1:][-1:])) or "0"
    total = len(outcomes.seen) + len(outcomes.failures)
    first = text("predict.predicted", clips=len(rows), all=total, networks=several)
    if len(rows) == 1:
        first = _sentence(outcomes, rows[0])
    expected = [f"What may be expected: {outcomes.expected}."] if outcomes.expected else []
    taught = [text("predict.simulated")] if outcomes.simulated else []
    return [
        *taught,
        first,
        *([text("spot.worth")] if spotted else []),
        *expected,
        text("predict.use"),
    ]


def _sentence(outcomes: Outcomes, row: Mapping) -> str:
    name = row["predicted"]
    return text(
        "predict.one",
        predicted=name,
        p=labels.score(row[f"p_{name}"]),
        sd=labels.score(row[f"sd_{name}"]),
        low=labels.score(row[f"min_{name}"]),
        high=labels.score(row[f"max_{name}"]),
        agreeing=row["agreeing"],
        n=row["networks"],
    )


def _tables(outcomes: Outcomes) -> list[Block]:
    blocks: list[Block] = []
    if len(outcomes.table):
        rows = outcomes.table.to_dict("records")
        frame = outcomes.table.assign(
            shown=[shown(row) for row in rows],
            agree=[f"{r.agreeing} of {r.networks}" for r in outcomes.table.itertuples()],
            **{
                f"shown_{name}": [
                    spread(row[f"p_{name}"], row[f"sd_{name}"], row["networks"]) for row in rows
                ]
                for name in outcomes.classes
            },
        )
        table = Table(
            "predictions",
            text("predict.probabilities"),
            frame,
            [
                columns.text("Clip", "shown"),
                columns.text("Most probable", "predicted"),
                *(Column(name, f"{{shown_{name}}}") for name in outcomes.classes),
                Column("Networks agreeing", "{agree}"),
            ],
        )
        blocks.append(table)
    blocks += [Note(f"Not predicted: {failure}") for failure in outcomes.failures]
    blocks.append(Prose([f"Networks: {line}." for line in networks(outcomes)]))
    classes = "; ".join(f"{name}: {coded}" for name, coded in outcomes.meaning.items())
    blocks.append(Prose([f"Classes and the coded emotions that taught them: {classes}."]))
    blocks += [Note(f"Note: {note}.") for note in outcomes.notes]
    return blocks


def _clips(
    outcomes: Outcomes, rows: Sequence[dict], heat: Mapping[tuple[str, str, str], np.ndarray]
) -> list[Section]:
    sections = []
    for number, (row, seen) in enumerate(zip(rows, outcomes.seen, strict=False), start=1):
        drawn = figures.of_clip(seen, number, heat.get(seen.record.labels.identity))
        blocks: list[Block] = [Prose([_sentence(outcomes, row)]), Gallery(drawn)]
        blocks += [Facts(_facts(outcomes, row)), *(Note(note) for note in seen.notes)]
        sections.append(Section(f"clip{number}", shown(row), blocks))
    if len(outcomes.seen) > len(rows):
        words = text("predict.shown", shown=len(rows), clips=len(outcomes.seen))
        sections[-1] = Section(
            sections[-1].anchor, sections[-1].title, [*sections[-1].blocks, Note(words)]
        )
    return sections


def _facts(outcomes: Outcomes, row: Mapping) -> list[tuple[str, str]]:
    spreads = [
        (
            f"Probability of {name}",
            f"{labels.score(row[f'p_{name}'])} "
            f"({labels.score(row[f'min_{name}'])} to {labels.score(row[f'max_{name}'])})",
        )
        for name in outcomes.classes
    ]
    frames = [labels.MISSING if row[n] < 0 else str(row[n]) for n in ("onset", "apex", "offset")]
    source = row["apex_source"] or "not known"
    if source == FOUND:
        source = f"found, confidence {confidence(row['apex_confidence'])}"
    facts = [
        *spreads,
        ("Onset, apex, offset", ", ".join(frames)),
        ("Apex", source),
        ("Ethnicity told", row["ethnicity"]),
    ]
    if row["coded_emotion"]:
        facts.append(("Coded emotion", row["coded_emotion"]))
    return [*facts, ("Input", row["input"]), ("Networks", row["predicted_by"])]
