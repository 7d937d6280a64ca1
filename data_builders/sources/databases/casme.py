"""The source `casme`: CASME (Yan et al., FG 2013), 60 fps, colour, two cameras.

Expects the sheet with the columns Subject, Filename, OnsetF, ApexF1, OffsetF, AUs and Emotion (a
second apex, ApexF2, and nameless columns are passed over) and
`Cropped/sub01/EP01_5/reg_EP01_5-113.jpg ...`, or `CASME_raw_selected` with `EP01_5-113.jpg`; the
numbers in the names of later frames have leading zeros. Emotions are CASME II's, and contempt and
tense. An apex that cannot be used is looked for in the frames. A few coded onsets and offsets
lie outside the frames that there are: those clips are reported.

Columns, folders and names of frames as in the public reader tvaranka/meb, which names the rows
that disagree with the frames. All people are Chinese, which the sheet does not say.
"""

from __future__ import annotations

import re

from data_builders.sources.coded_folder import CodedFolder
from data_builders.sources.coding_sheet import PERSON, Columns
from data_builders.sources.frame_tree import TreeShape

DATABASE = CodedFolder(
    name="casme",
    title="CASME",
    licence="http://casme.psych.ac.cn/casme/e1",
    layout=("casme.xlsx", "Cropped/sub01/EP01_5/reg_EP01_5-113.jpg ..."),
    fps=60.0,
    subject_format="sub{:02d}",
    frames=TreeShape(
        levels="{subject}/{clip}",
        subject=re.compile(r"sub\d+"),
        clip=re.compile(r"EP\d+[\w-]*"),
        usual=("Cropped", "CASME_raw_selected"),
        example="Cropped/sub01/EP01_5/reg_EP01_5-113.jpg",
    ),
    apex_fallback="found",
    columns=Columns(
        {
            "subject": ("Subject",),
            "filename": ("Filename",),
            "onset": ("OnsetF",),
            "apex": ("ApexF1", "ApexF"),
            "offset": ("OffsetF",),
            "actionunits": ("AUs", "AU"),
            "estimatedemotion": ("Emotion",),
        },
        PERSON,
    ),
)
