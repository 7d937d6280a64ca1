"""The source `casme2`: CASME II (Yan et al., PLoS ONE 2014), 200 fps, colour.

Expects the official coding sheet and `Cropped/sub01/EP02_01f/reg_img46.jpg ...`. An
apex that cannot be used is replaced by the middle frame between onset and offset.
"""

from __future__ import annotations

import pathlib
import re

from data_builders.sources import coded_folder
from data_builders.sources.base import Listing
from data_builders.sources.coded_clips import CodedDatabase

DATABASE = CodedDatabase(
    name="casme2",
    title="CASME II",
    subject_format="sub{:02d}",
    subject_code=re.compile(r"sub\d+"),
    clip_code=re.compile(r"EP\d+\w*"),
    frames_folder="Cropped",
    example="Cropped/sub01/EP02_01f/reg_img46.jpg",
    apex_fallback="middle",
    fps=200.0,
)


def list_clips(raw: pathlib.Path, ethnicity: pathlib.Path | None = None) -> Listing:
    """Lists the clips of CASME II; see `coded_folder.list_clips`."""
    return coded_folder.list_clips(raw, DATABASE, ethnicity)
