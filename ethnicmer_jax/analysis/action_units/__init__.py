"""Action Units by group and emotion: prevalence, co-occurrence and their tests.

Clips of a person share a face, so intervals resample and tests permute whole
persons; methods that take clips as independent stand beside them for parity with
earlier work. All results are tidy tables that a heat map can be drawn from.
"""

from ethnicmer_jax.analysis.action_units.coding import CodedClips
from ethnicmer_jax.analysis.action_units.comparison import compare
from ethnicmer_jax.analysis.action_units.description import prevalence

__all__ = ["CodedClips", "compare", "prevalence"]
