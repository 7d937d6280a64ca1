"""The layout of CASME II, as `databases/casme2.py` reads it."""

from __future__ import annotations

import dataclasses

from data_builders.sources.export import layout
from data_builders.sources.export.layout import Layout
from ethnicmer_jax.base.schema import ClipLabels


def _coded(labels: ClipLabels) -> ClipLabels:
    return dataclasses.replace(
        labels, subject=f"sub{int(labels.subject):02d}", clip=f"EP{labels.clip}_01f"
    )


def _frame(labels: ClipLabels, number: int) -> str:
    return f"Cropped/{labels.subject}/{labels.clip}/reg_img{number}.jpg"


def _row(labels: ClipLabels) -> layout.Row:
    return {
        "Subject": int(labels.subject.removeprefix("sub")),
        "Filename": labels.clip,
        "OnsetFrame": labels.onset,
        "ApexFrame": labels.apex,
        "OffsetFrame": labels.offset,
        "Action Units": layout.action_units(labels),
        "Estimated Emotion": labels.raw_emotion,
        **layout.annotation(labels),
    }


LAYOUT = Layout(
    database="casme2",
    grey=False,
    coded=_coded,
    frame=_frame,
    write_tables=layout.one_sheet("CASME2-coding.xlsx", _row),
)
