"""The layout of SAMM, as `databases/samm.py` reads it."""

from __future__ import annotations

import dataclasses

from data_builders.sources.export import layout
from data_builders.sources.export.layout import Layout
from ethnicmer_jax.base.schema import ClipLabels


def _coded(labels: ClipLabels) -> ClipLabels:
    return dataclasses.replace(
        labels,
        clip=f"{labels.subject}_1_{int(labels.clip)}",
        raw_emotion=labels.raw_emotion.capitalize(),
    )


def _frame(labels: ClipLabels, number: int) -> str:
    return f"SAMM_CROP/{labels.subject}/{labels.clip}/{labels.subject}_{number:05d}.jpg"


def _row(labels: ClipLabels) -> layout.Row:
    return {
        "Subject": labels.subject,
        "Filename": labels.clip,
        "Code": 1,
        "Onset": labels.onset,
        "Apex Frame": labels.apex,
        "Offset": labels.offset,
        "Duration": labels.offset - labels.onset + 1,
        "Micro": "Micro - 1/2",
        "Action Units": layout.action_units(labels),
        "Estimated Emotion": labels.raw_emotion,
        "Objective Classes": None,
        "Notes": None,
        **layout.annotation(labels),
    }


LAYOUT = Layout(
    database="samm",
    grey=True,
    coded=_coded,
    frame=_frame,
    write_tables=layout.one_sheet("SAMM_Micro_FACS_Codes.xlsx", _row),
)
