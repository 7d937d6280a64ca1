"""The layout of CASME, as `databases/casme.py` reads it."""

from __future__ import annotations

import dataclasses

from data_builders.sources.export import layout
from data_builders.sources.export.layout import Layout
from ethnicmer_jax.base.schema import ClipLabels


def _coded(labels: ClipLabels) -> ClipLabels:
    subject = f"sub{int(labels.subject):02d}"
    return dataclasses.replace(labels, subject=subject, clip=f"EP01_{int(labels.clip)}")


def _frame(labels: ClipLabels, number: int) -> str:
    later = int(labels.clip.split("_")[1]) > 1  # their frames are numbered with leading zeros
    name = f"reg_{labels.clip}-{number:03d}.jpg" if later else f"reg_{labels.clip}-{number}.jpg"
    return f"Cropped/{labels.subject}/{labels.clip}/{name}"


def _row(labels: ClipLabels) -> layout.Row:
    return {
        "Subject": int(labels.subject.removeprefix("sub")),
        "Filename": labels.clip,
        "": None,
        "OnsetF": labels.onset,
        "ApexF1": labels.apex,
        "ApexF2": 0,
        "OffsetF": labels.offset,
        " ": None,
        "AUs": layout.action_units(labels),
        "Emotion": labels.raw_emotion,
    }


LAYOUT = Layout(
    database="casme",
    grey=False,
    coded=_coded,
    frame=_frame,
    write_tables=layout.one_sheet("casme.xlsx", _row),
    fps=60.0,
)
