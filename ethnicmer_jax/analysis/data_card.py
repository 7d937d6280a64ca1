"""Who and what was tested, and what that keeps one from concluding."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from jaxtyping import Shaped

from ethnicmer_jax.analysis import comparisons, results
from ethnicmer_jax.base.predictions import Predictions


@dataclasses.dataclass(frozen=True)
class DataCard:
    """The tested clips.

    Attributes:
      composition: see `results.composition`; the last row holds the totals.
      classes: in order, each a column of `composition`.
      confounded: pairs of groups that are spread unevenly over the databases.
      absent: every (group, class) of which no clip was tested.
    """

    composition: pd.DataFrame
    classes: tuple[str, ...]
    confounded: tuple[tuple[str, str], ...]
    absent: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, predictions: Predictions, group: Shaped[np.ndarray, " rows"]) -> DataCard:
        """Counts each clip once.

        Args:
          predictions: any runs.
          group: the group of each row, str; "" belongs to none.
        """
        return cls(
            composition=results.composition(predictions, group),
            classes=predictions.classes,
            confounded=tuple(
                pair
                for pair in comparisons.pairs(group)
                if comparisons.confounded(predictions, group, pair)
            ),
            absent=tuple(results.absent_classes(predictions, group)),
        )

    @property
    def n_clips(self) -> int:
        """Clips in total."""
        return int(self.composition["clips"].iloc[-1])

    @property
    def n_subjects(self) -> int:
        """Subjects in total."""
        return int(self.composition["subjects"].iloc[-1])
