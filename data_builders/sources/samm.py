"""The source `samm`: SAMM (Davison et al., IEEE T-AFFC 2018), 200 fps, greyscale.

Expects the official coding sheet and `SAMM_CROP/006/006_1_2/006_05562.jpg ...`. An
apex that cannot be used (missing, -1) is replaced by the offset.
"""

from __future__ import annotations

import pathlib
import re

from data_builders.sources import coded_folder
from data_builders.sources.base import Listing
from data_builders.sources.coded_clips import CodedDatabase

DATABASE = CodedDatabase(
    name="samm",
    title="SAMM",
    subject_format="{:03d}",
    subject_code=re.compile(r"\d{3}"),
    clip_code=re.compile(r"\d{3}_\d+_\d+"),
    frames_folder="SAMM_CROP",
    example="SAMM_CROP/006/006_1_2/006_05562.jpg",
    apex_fallback="offset",
    fps=200.0,
)


def list_clips(raw: pathlib.Path, ethnicity: pathlib.Path | None = None) -> Listing:
    """Lists the clips of SAMM; see `coded_folder.list_clips`."""
    return coded_folder.list_clips(raw, DATABASE, ethnicity)
