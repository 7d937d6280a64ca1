"""The source `smic`: SMIC (Li et al., FG 2013), its HS part: 100 fps, colour, 164 clips.

Expects `SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01/reg_image000123.bmp ...`, or
`SMIC_all_raw` (or a folder HS alone) with `image000123.bmp`. The class is the name of a folder:
negative, positive or surprise. Neither apex nor Action Units are coded: the apex is looked for in
all frames of the clip. Folders `non_micro` beside `micro` are not read. Subjects are of several
ethnic groups (by the paper 8 Asian and 8 Caucasian among the 16 with clips), which no file
names: give a table of ethnicities.

Folders, names and numbers of frames as in the public reader tvaranka/meb and in the instructions
of several public readers of the licensed files; that some releases write `s01` or `ne` is allowed
for. The parts VIS and NIR show eight of the same people: `smic_vis`, `smic_nir`.
"""

from __future__ import annotations

import re

from data_builders.sources.class_folders import ClassFolders
from data_builders.sources.frame_tree import TreeShape


def part(name: str, title: str, folder: str, fps: float) -> ClassFolders:
    """A part of SMIC, filmed with one camera.

    Args:
      name: the database in records.
      title: the database in messages.
      folder: name of the part's folder, such as HS.
      fps: frames per second.
    """
    example = f"SMIC_all_cropped/{folder}/s11/micro/negative/s11_ne_01/reg_image000123.bmp"
    return ClassFolders(
        name=name,
        title=title,
        licence="https://www.oulu.fi/cmvs/node/41319",
        layout=(f"{example} ...",),
        fps=fps,
        people="smic",
        frames=TreeShape(
            levels="{subject}/micro/{emotion}/{clip}",
            subject=re.compile(r"s\d{1,3}"),
            clip=re.compile(r"s\d{1,3}_\w+"),
            usual=("SMIC_all_cropped", "SMIC_all_raw"),
            example=example,
            within=folder,
        ),
        short={"ne": "negative", "po": "positive", "sur": "surprise"},
    )


DATABASE = part("smic", "SMIC-HS", "HS", 100.0)
