"""The layout of CAS(ME)³ part C, cut to clips, as `databases/casme3c.py` reads it."""

from __future__ import annotations

import dataclasses

from data_builders.sources.export import layout
from data_builders.sources.export.layout import Layout
from ethnicmer_jax.base.schema import ClipLabels


def _coded(labels: ClipLabels) -> ClipLabels:
    emotion = layout.coarse(labels.emotion)
    return dataclasses.replace(
        labels,
        subject=f"{int(labels.subject):02d}",
        clip=str(int(labels.clip)),
        emotion=emotion,
        raw_emotion=emotion,
        apex=-1,
    )


def _frame(labels: ClipLabels, number: int) -> str:
    return f"ME_C/{labels.subject}/{labels.clip}/color/{number}.jpg"


def _row(labels: ClipLabels) -> layout.Row:
    return {
        "sub": int(labels.subject),
        "count": int(labels.clip),
        "onset": labels.onset,
        "offset": labels.offset,
        "au": ",".join(map(str, labels.action_units)),
        "emotion": labels.raw_emotion,
        "PHY": f"{labels.subject}_{labels.clip}",
    }


LAYOUT = Layout(
    database="casme3c",
    grey=False,
    coded=_coded,
    frame=_frame,
    write_tables=layout.one_sheet("CAS(ME)3_part_C_ME.xlsx", _row),
    fps=30.0,
    every_frame=True,
)
