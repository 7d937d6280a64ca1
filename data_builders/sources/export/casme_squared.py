"""The layout of CAS(ME)², as `databases/casme_squared.py` reads it.

The sheet has no header, names subjects by participant, and holds a macro-expression of each.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

import pandas as pd

from data_builders.sources.export import layout
from data_builders.sources.export.layout import Layout
from ethnicmer_jax.base.schema import ClipLabels

_FILM = {"negative": "disgust1", "positive": "happy1", "surprise": "anger1", "others": "happy2"}
"""Class -> what clips of a film that may have elicited it are called."""


def _coded(labels: ClipLabels) -> ClipLabels:
    emotion = layout.coarse(labels.emotion)
    return dataclasses.replace(
        labels,
        subject=f"s{int(labels.subject)}",
        clip=f"{_FILM[emotion]}_{int(labels.clip)}",
        emotion=emotion,
        raw_emotion=emotion,
    )


def _frame(labels: ClipLabels, number: int) -> str:
    return f"cropped/{labels.subject.removeprefix('s')}/{labels.clip}/img{number}.jpg"


def _write_tables(folder: pathlib.Path, clips: Sequence[ClipLabels]) -> None:
    subjects = list(dict.fromkeys(labels.subject for labels in clips))
    number = {subject: index for index, subject in enumerate(subjects, 1)}
    rows: list[tuple[object, ...]] = [
        (
            *(number[labels.subject], labels.clip, labels.onset, labels.apex, labels.offset),
            *(layout.action_units(labels), labels.raw_emotion, "micro-expression", "helpless"),
        )
        for labels in clips
    ]
    rows += [
        (number[subject], "happy5_1", 30, 45, 90, 12, "positive", "macro-expression", "happiness")
        for subject in subjects
    ]
    people = [(subject[1:], subject, number[subject]) for subject in subjects]
    films = [("0101", "disgust1"), ("0502", "happy1"), ("0401", "anger1"), ("0503", "happy2")]
    sheets = {"CASFEcode_final": rows, "naming rule1": people, "naming rule2": films}
    with pd.ExcelWriter(folder / "CAS(ME)^2code_final.xlsx") as book:
        for name, values in sheets.items():
            pd.DataFrame(values).to_excel(book, sheet_name=name, header=False, index=False)


LAYOUT = Layout(
    database="casme_squared",
    grey=False,
    coded=_coded,
    frame=_frame,
    write_tables=_write_tables,
    fps=30.0,
)
