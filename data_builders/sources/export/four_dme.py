"""The layout of 4DME, grey video, as `databases/four_dme.py` reads it.

Every other subject was filmed twice; one negative clip in two is coded with two emotions, and
one clip in two with an AU that is kept from before the onset.
"""

from __future__ import annotations

import dataclasses

from data_builders.sources.export import layout
from data_builders.sources.export.layout import Layout
from ethnicmer_jax.base.schema import ClipLabels


def _coded(labels: ClipLabels) -> ClipLabels:
    subject, number = int(labels.subject), int(labels.clip)
    emotion = "repression" if labels.emotion == "repression" else layout.coarse(labels.emotion)
    both = emotion == "negative" and number % 2 == 0
    recording = "" if subject % 2 else ("1st.", "2nd.")[number % 2]
    return dataclasses.replace(
        labels,
        subject=f"S{subject}",
        clip=f"{recording}{number:03d}_01_1",
        emotion=emotion,
        raw_emotion=f"{emotion.capitalize()}{'+Repression' if both else ''}",
    )


def _folders(labels: ClipLabels) -> tuple[str, str]:
    recording, _, name = labels.clip.rpartition(".")
    return f"{labels.subject}_{recording}" if recording else labels.subject, name


def _frame(labels: ClipLabels, number: int) -> str:
    subject, name = _folders(labels)
    return f"micro_short_gray_video/{subject}/{name}/Frame_{number:09d}.jpg"


def _row(labels: ClipLabels) -> layout.Row:
    subject, name = _folders(labels)
    kept = "+45(k)" if int(name[:3]) % 2 else ""
    return {
        "sub_ID": subject,
        "fold_name": name,
        "Onset": labels.onset,
        "Apex": labels.apex,
        "Offset": labels.offset,
        "AUs": f"AU{layout.action_units(labels)}{kept}",
        "Emotion": labels.raw_emotion,
    }


LAYOUT = Layout(
    database="4dme",
    grey=True,
    coded=_coded,
    frame=_frame,
    write_tables=layout.one_sheet("4DME_Labelling_Micro_release v1.xlsx", _row),
    fps=60.0,
)
