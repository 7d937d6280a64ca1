"""Protocols: arrays + config -> `FoldTable`. A fold is a row; a study is a longer table."""

from ethnicmer_jax.base.grouping import GROUPINGS, Grouping, grouping
from ethnicmer_jax.protocols.fold_table import FoldTable, leave_one_out
from ethnicmer_jax.protocols.plan import Plan, build

__all__ = ["GROUPINGS", "FoldTable", "Grouping", "Plan", "build", "grouping", "leave_one_out"]
