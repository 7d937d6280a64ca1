"""The layout of CAS(ME)³ part A with whole films, as `databases/casme3.py` reads it."""

from __future__ import annotations

import dataclasses
import string

from data_builders.sources.export import layout
from data_builders.sources.export.layout import Layout
from ethnicmer_jax.base.schema import ClipLabels

_WORDS = {"happiness": "happy", "sadness": "sad"}


def _coded(labels: ClipLabels) -> ClipLabels:
    number, letter = divmod(int(labels.clip) - 1, len(string.ascii_lowercase))
    film = f"{string.ascii_lowercase[letter]}{number or ''}"
    return dataclasses.replace(
        labels,
        subject=f"spNO.{int(labels.subject)}",
        clip=f"{film}_{labels.onset}",
        raw_emotion=_WORDS.get(labels.raw_emotion, labels.raw_emotion),
    )


def _frame(labels: ClipLabels, number: int) -> str:
    film = labels.clip.split("_")[0]
    return f"part_A/{labels.subject}/{film}/color/{number}.jpg"


def _row(labels: ClipLabels) -> layout.Row:
    film = labels.clip.split("_")[0]
    return {
        "Subject": labels.subject,
        "Filename": film.upper() if film == "b" else film,  # some are capitals in the sheet
        "Onset": labels.onset,
        "Apex": labels.apex,
        "Offset": labels.offset,
        "AU": layout.action_units(labels),
        "Objective class": None,
        "emotion": labels.raw_emotion,
    }


LAYOUT = Layout(
    database="casme3",
    grey=False,
    coded=_coded,
    frame=_frame,
    write_tables=layout.one_sheet("annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", _row),
    fps=30.0,
)
