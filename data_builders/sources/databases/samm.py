"""The source `samm`: SAMM (Davison et al., IEEE T-AFFC 2018), 200 fps, greyscale.

Expects the official coding sheet and `SAMM_CROP/006/006_1_2/006_05562.jpg ...`. An
apex that cannot be used (missing, -1) is replaced by the offset.
"""

from __future__ import annotations

import re

from data_builders.sources.coded_folder import CodedFolder
from data_builders.sources.frame_tree import TreeShape

DATABASE = CodedFolder(
    name="samm",
    title="SAMM",
    licence="http://www2.docm.mmu.ac.uk/STAFF/m.yap/dataset.php",
    layout=("SAMM_Micro_FACS_Codes_v2.xlsx", "SAMM_CROP/006/006_1_2/006_05562.jpg ..."),
    fps=200.0,
    subject_format="{:03d}",
    frames=TreeShape(
        levels="{subject}/{clip}",
        subject=re.compile(r"\d{3}"),
        clip=re.compile(r"\d{3}_\d+_\d+"),
        usual=("SAMM_CROP",),
        example="SAMM_CROP/006/006_1_2/006_05562.jpg",
    ),
    apex_fallback="offset",
)
