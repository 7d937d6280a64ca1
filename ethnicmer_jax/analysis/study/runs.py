"""The runs of a study by contrast (or job), cell, draw and seed, counted once for all analyses."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pandas as pd
from jaxtyping import Bool

from ethnicmer_jax.analysis import results
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.base.contrast_roles import MAIN
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.run_id import crossed, mono_side
from ethnicmer_jax.base.schema import UserError


@dataclasses.dataclass(frozen=True)
class StudyRuns:
    """R runs of a study over S persons.

    Attributes:
      predictions: every row.
      all_counts: the counts of all runs, in the order of `table`.
      table: one row per run: run, part (the contrast, or else the job), cell, draw and seed
        (-1 where it has none), folds, clips, and one column for each of `confusion.SCORES`.
      classifier: of all runs: `variance_factor.classifier_of`.
    """

    predictions: Predictions
    all_counts: Counts
    table: pd.DataFrame
    classifier: str = ""

    @classmethod
    def of(cls, predictions: Predictions, classifier: str = "") -> StudyRuns:
        """Counts all runs.

        Args:
          predictions: of the study.
          classifier: which one predicted them; "" where that is not known.

        Raises:
          UserError: there is no run of the main contrast.
        """
        scores = results.run_scores(predictions, counts := Counts.of(predictions))
        table = predictions.run_table.merge(scores, on="run")
        runs = cls(predictions, counts, table, classifier)
        if not runs.has(MAIN):
            raise UserError(
                f"no run of the contrast {MAIN!r} with two arms; a study has runs such as "
                f"{MAIN}.mono_asian-draw0-seed0"
            )
        return runs

    @functools.cached_property
    def parts(self) -> tuple[str, ...]:
        """The contrasts and jobs, in order of first appearance."""
        return tuple(self.table["part"].unique())

    def cells(self, part: str) -> tuple[str, ...]:
        """The cells of a contrast, in order of first appearance."""
        return tuple(self.table.loc[self.table["part"] == part, "cell"].unique())

    def sides(self, part: str) -> tuple[str, ...]:
        """The sides that a contrast has a mono arm of, in order of first appearance."""
        return tuple(filter(None, map(mono_side, self.cells(part))))

    def has(self, part: str) -> bool:
        """Whether a contrast has two arms to compare."""
        return len(self.sides(part)) == 2

    def crossed(self, part: str) -> bool:
        """Whether both sides of a contrast were also tested by models of the other side."""
        if not self.has(part):
            return False
        a, b = self.sides(part)
        return {crossed(a, b), crossed(b, a)} <= set(self.cells(part))

    def rows(self, part: str, *cells: str) -> Bool[np.ndarray, " runs"]:
        """Which runs belong to a part, and to one of the cells where any is named."""
        chosen = (self.table["part"] == part).to_numpy()
        return chosen & self.table["cell"].isin(cells).to_numpy() if cells else chosen

    def counts(self, part: str, *cells: str) -> Counts:
        """The counts of a part's runs, over everybody in the study."""
        return self.all_counts.of_runs(self.rows(part, *cells))

    def select(self, part: str, *cells: str) -> Predictions:
        """The rows of a part's runs."""
        return self.predictions.select(self.rows(part, *cells)[self.predictions.run_index])

    def values(self, part: str, cell: str, score: str = "uf1") -> pd.Series:
        """The score of each draw of a cell, averaged over its seeds."""
        return self.table[self.rows(part, cell)].groupby("draw")[score].mean()
