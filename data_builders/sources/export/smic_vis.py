"""The layout of SMIC's VIS part, as `databases/smic_vis.py` reads it."""

from __future__ import annotations

from data_builders.sources.export import smic

LAYOUT = smic.part("smic_vis", "VIS", 25.0, grey=False)
