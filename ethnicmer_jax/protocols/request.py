"""What every protocol is asked, and what it answers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import ml_collections
import numpy as np
from jaxtyping import Bool, Int

from ethnicmer_jax.base.grouping import Grouping
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols.fold_table import FoldTable


@dataclasses.dataclass(frozen=True)
class Request:
    """What folds are laid out for.

    Attributes:
      protocol: `config.protocol` (see configs/common.py for its fields).
      dataset: n clips.
      clips: those that take part; no fold may hold any other.
      grouping: which ethnicities count as which group.
      seeds: one run of everything for each.
    """

    protocol: ml_collections.ConfigDict
    dataset: Dataset
    clips: Bool[np.ndarray, " clips"]
    grouping: Grouping
    seeds: Sequence[int]

    @functools.cached_property
    def group(self) -> Int[np.ndarray, " clips"]:
        """The index of each clip's group; -1 where it has none or takes no part."""
        return np.where(self.clips, self.grouping.indices(self.dataset.ethnicity), -1)


@dataclasses.dataclass(frozen=True)
class Layout:
    """The folds of a protocol.

    Attributes:
      tables: all over the clips of the request's dataset.
      notes: one sentence each: sizes of the arms, what could not be matched, ...
    """

    tables: Sequence[FoldTable]
    notes: Sequence[str]
