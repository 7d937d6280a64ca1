"""The layout of MMEW, as `databases/mmew.py` reads it."""

from __future__ import annotations

import dataclasses

from data_builders.sources.export import layout
from data_builders.sources.export.layout import Layout
from ethnicmer_jax.base.schema import EMOTIONS, ClipLabels


def _coded(labels: ClipLabels) -> ClipLabels:
    subject = f"S{int(labels.subject):02d}"
    number = EMOTIONS.index(labels.emotion) + 1
    return dataclasses.replace(
        labels, subject=subject, clip=f"{subject}-{number:02d}-{int(labels.clip):03d}"
    )


def _frame(labels: ClipLabels, number: int) -> str:
    return f"Micro_Expression/{labels.raw_emotion}/{labels.clip}/{number}.jpg"


def _row(labels: ClipLabels) -> layout.Row:
    return {
        "Subject": int(labels.subject.removeprefix("S")),
        "Filename": labels.clip,
        "OnsetFrame": labels.onset,
        "ApexFrame": labels.apex,
        "OffsetFrame": labels.offset,
        "Action Units": layout.action_units(labels),
        "Estimated Emotion": labels.raw_emotion,
        "remarks": None,
    }


LAYOUT = Layout(
    database="mmew",
    grey=False,
    coded=_coded,
    frame=_frame,
    write_tables=layout.one_sheet("MMEW_Micro_Exp.xlsx", _row),
    fps=90.0,
    first=1,
)
