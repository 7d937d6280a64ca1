"""The layout of SMIC's NIR part, as `databases/smic_nir.py` reads it."""

from __future__ import annotations

from data_builders.sources.export import smic

LAYOUT = smic.part("smic_nir", "NIR", 25.0, grey=True)
