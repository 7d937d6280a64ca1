"""The source `smic_vis`: the VIS part of SMIC, 71 clips of 8 people; 25 fps; see `smic`."""

from __future__ import annotations

from data_builders.sources.databases import smic

DATABASE = smic.part("smic_vis", "SMIC-VIS", "VIS", 25.0)
