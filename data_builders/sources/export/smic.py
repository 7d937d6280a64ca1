"""The layout of SMIC's parts, as `databases/smic.py` reads it."""

from __future__ import annotations

import dataclasses

from data_builders.sources.export import layout
from data_builders.sources.export.layout import Layout
from ethnicmer_jax.base.schema import ClipLabels

_INFIX = {"negative": "ne", "positive": "po", "surprise": "sur"}


def part(name: str, folder: str, fps: float, grey: bool) -> Layout:
    """A part of SMIC, filmed with one camera.

    Args:
      name: the database in records.
      folder: name of the part's folder, such as HS.
      fps: frames per second.
      grey: whether frames are single-channel.
    """

    def frame(labels: ClipLabels, number: int) -> str:
        clip = f"{labels.subject}/micro/{labels.emotion}/{labels.clip}"
        return f"SMIC_all_cropped/{folder}/{clip}/reg_image{number:06d}.bmp"

    return Layout(
        database=name,
        grey=grey,
        coded=_coded,
        frame=frame,
        write_tables=layout.no_table,
        fps=fps,
        every_frame=True,
        side=200,
    )


def _coded(labels: ClipLabels) -> ClipLabels | None:
    emotion = layout.coarse(labels.emotion)
    if emotion not in _INFIX:
        return None
    subject = f"s{int(labels.subject)}"
    return dataclasses.replace(
        labels,
        subject=subject,
        clip=f"{subject}_{_INFIX[emotion]}_{labels.clip}",
        emotion=emotion,
        raw_emotion=emotion,
        action_units=(),
        apex=-1,
    )


LAYOUT = part("smic", "HS", 100.0, grey=False)
