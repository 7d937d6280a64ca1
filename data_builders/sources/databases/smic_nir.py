"""The source `smic_nir`: the NIR part of SMIC, 71 clips of 8 people; 25 fps, grey; see `smic`."""

from __future__ import annotations

from data_builders.sources.databases import smic

DATABASE = smic.part("smic_nir", "SMIC-NIR", "NIR", 25.0)
