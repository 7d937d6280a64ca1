"""The layout of the DFME challenge release, three splits, as `databases/dfme.py` reads it."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from data_builders.sources.databases import dfme
from data_builders.sources.export import layout
from data_builders.sources.export.layout import Layout
from ethnicmer_jax.base.schema import ClipLabels

_PARTS = {
    "train": ("training_full_with_AU.xlsx", "train_data"),
    "testa": ("test_A_full_with_AU.xlsx", "test_data_A"),
    "testb": ("test_B_full_with_AU.xlsx", "test_data_B"),
}
"""Key of `dfme.SPLITS` -> the part's sheet, and its folder of frames."""


def _part(labels: ClipLabels) -> str:
    """The part that a subject is dealt to."""
    number = int(labels.subject.removeprefix("sub"))
    return (*_PARTS,)[number % len(_PARTS) - 1]


def _coded(labels: ClipLabels) -> ClipLabels:
    subject = f"sub{int(labels.subject):04d}"
    return dataclasses.replace(
        labels,
        subject=subject,
        clip=f"{subject}_{int(labels.clip):02d}",
        extra={**labels.extra, **dfme.SPLITS[_part(labels)]},
    )


def _frame(labels: ClipLabels, number: int) -> str:
    folder = _PARTS[_part(labels)][1]
    return f"{folder}/{folder}/{labels.clip}/{number:05d}.png"


def _row(labels: ClipLabels) -> layout.Row:
    return {
        "Subject": labels.subject,
        "Filename": labels.clip,
        "OnsetFrame": labels.onset,
        "ApexFrame": labels.apex,
        "OffsetFrame": labels.offset,
        "Emotion": labels.raw_emotion,
        "fps": labels.fps,
        "AU": layout.action_units(labels),
    }


def _write_tables(folder: pathlib.Path, clips: Sequence[ClipLabels]) -> None:
    for part, (sheet, _) in _PARTS.items():
        if own := [labels for labels in clips if _part(labels) == part]:
            layout.one_sheet(f"full_release_annotation/{sheet}", _row)(folder, own)


LAYOUT = Layout(database="dfme", grey=False, coded=_coded, frame=_frame, write_tables=_write_tables)
