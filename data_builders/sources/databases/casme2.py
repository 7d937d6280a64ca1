"""The source `casme2`: CASME II (Yan et al., PLoS ONE 2014), 200 fps, colour.

Expects the official coding sheet and `Cropped/sub01/EP02_01f/reg_img46.jpg ...`. An
apex that cannot be used is replaced by the middle frame between onset and offset.
"""

from __future__ import annotations

import re

from data_builders.sources.coded_folder import CodedFolder
from data_builders.sources.frame_tree import TreeShape

DATABASE = CodedFolder(
    name="casme2",
    title="CASME II",
    licence="http://casme.psych.ac.cn/casme/e2",
    layout=("CASME2-coding-20190701.xlsx", "Cropped/sub01/EP02_01f/reg_img46.jpg ..."),
    fps=200.0,
    subject_format="sub{:02d}",
    frames=TreeShape(
        levels="{subject}/{clip}",
        subject=re.compile(r"sub\d+"),
        clip=re.compile(r"EP\d+\w*"),
        usual=("Cropped",),
        example="Cropped/sub01/EP02_01f/reg_img46.jpg",
    ),
    apex_fallback="middle",
)
