"""The handover of a randomisation test: confusion matrices of every relabelling, as a table.

One row per relabelling, draw, deal of folds, cell (trained on, tested on) and true class:
how many of its clips were called what (`n_<class>`), and the sums of their probabilities
(`p_<class>`). Relabelling 0 is the groups as they are. The test reruns from the table alone.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Shaped

from ethnicmer_jax.analysis import confusion
from ethnicmer_jax.analysis.confusion import Score, mean_of_defined
from ethnicmer_jax.base import files
from ethnicmer_jax.base.contrast_roles import relabelling_of
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import UserError

_KEY = ("relabelling", "draw", "deal", "trained", "tested", "emotion")

PROBABILITY = "probability"
"""The mean probability of the true class."""

STATISTICS: Mapping[str, tuple[str, Score]] = {
    # The accuracy of matrices of summed probabilities is the mean probability of what is true.
    PROBABILITY: ("p_", confusion.accuracy),
    **{name: ("n_", score) for name, score in confusion.SCORES.items()},
}
"""What may be compared between cells: columns of the table, and a score of their matrices."""

LABELS: Mapping[str, str] = {PROBABILITY: "mean probability of the true class", **confusion.LABELS}
"""What people call each of STATISTICS."""

CELLS = ((0, 0), (0, 1), (1, 0), (1, 1))
"""The side trained on and the side tested, of each cell."""

QUANTITIES: Mapping[str, tuple[float, float, float, float]] = {
    "advantage": (0.5, -0.5, -0.5, 0.5),
    "advantage_first": (1.0, 0.0, -1.0, 0.0),
    "advantage_second": (0.0, -1.0, 0.0, 1.0),
    "mono": (1.0, 0.0, 0.0, -1.0),
    "cross": (0.0, 1.0, -1.0, 0.0),
}
"""Weights of CELLS in each planned quantity.

The own-group advantage, the same on the tests of either side alone, the first side's arm less the
second's, and the first side's models with the second side's tests less the reverse.
"""


@dataclasses.dataclass(frozen=True)
class Relabellings:
    """R relabellings with D draws and deals each, in four cells of C classes.

    Attributes:
      numbers: of the relabellings; the first is 0, the groups as they are.
      classes: names.
      counts: clips by true and predicted class.
      sums: probabilities summed, by true class and class.
    """

    numbers: Int[np.ndarray, " relabellings"]
    classes: tuple[str, ...]
    counts: Int[np.ndarray, "relabellings draws 4 classes classes"]
    sums: Float[np.ndarray, "relabellings draws 4 classes classes"]

    @classmethod
    def of(cls, table: pd.DataFrame, sides: Sequence[str]) -> Relabellings:
        """Reads the rows of `tabulate`, of one or more calls.

        Args:
          table: in any order of rows.
          sides: names of the first and the second side.

        Raises:
          UserError: rows are missing, or are there twice.
        """
        classes = tuple(name[2:] for name in table.columns if name.startswith("n_"))
        numbers = np.unique(table["relabelling"])
        draws = table[["draw", "deal"]].drop_duplicates().sort_values(["draw", "deal"])
        every = pd.DataFrame({"relabelling": numbers}).merge(draws, how="cross")
        order = _index(every, sides, classes)
        rows = table.set_index(list(_KEY))
        if rows.index.has_duplicates or set(rows.index) != set(order):
            raise UserError(
                "relabellings.csv lacks rows of some relabellings, or has them twice; "
                "restore it, or delete it and run again"
            )
        rows = rows.loc[order]
        shape = (len(numbers), len(draws), len(CELLS), len(classes), len(classes))

        def matrices(prefix: str) -> np.ndarray:
            return rows[[prefix + name for name in classes]].to_numpy().reshape(shape)

        return cls(numbers, classes, matrices("n_"), matrices("p_"))

    def scores(self, statistic: str) -> Float[np.ndarray, "relabellings 4"]:
        """Each cell's score by one of STATISTICS, averaged over draws and deals."""
        prefix, score = STATISTICS[statistic]
        matrices = self.sums if prefix == "p_" else self.counts
        return mean_of_defined(score(matrices).swapaxes(1, 2))

    def values(
        self, statistic: str = PROBABILITY, quantity: str = "advantage"
    ) -> Float[np.ndarray, " relabellings"]:
        """One of QUANTITIES in one of STATISTICS, for every relabelling."""
        return self.scores(statistic) @ np.asarray(QUANTITIES[quantity])


def read(path: pathlib.Path) -> pd.DataFrame:
    """Reads rows of `tabulate` from a CSV file, numbers bit for bit.

    Raises:
      UserError: the file is no such table.
    """
    try:
        table = files.read_table(path, dtype=str, keep_default_na=False)
        kinds = {name: _kind(name) for name in table.columns}
        if missing := set(_KEY) - set(table.columns):
            raise ValueError(f"no column {min(missing)}")
        return table.astype({name: kind for name, kind in kinds.items() if kind})
    except (OSError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is damaged ({reason}); restore it") from None


def _kind(column: str) -> str:
    """What a column holds; "" for text."""
    if column.startswith("p_"):
        return "float64"
    return "int64" if column.startswith("n_") or column in _KEY[:3] else ""


def tabulate(
    predictions: Predictions,
    trained: Shaped[np.ndarray, " rows"],
    tested: Shaped[np.ndarray, " rows"],
) -> pd.DataFrame:
    """The rows of the handover.

    Args:
      predictions: of runs of relabellings.
      trained: the side that a row's model was trained on.
      tested: the side that it tests.
    """
    classes = predictions.classes
    contrast = {run: relabelling_of(name.contrast) for run, name in predictions.run_ids.items()}
    named = predictions.table["run"].map(contrast)
    key = pd.DataFrame({
        "relabelling": named.str[0],
        "draw": predictions.of_each_run(lambda run: run.draw),
        "deal": named.str[1],
        "trained": trained,
        "tested": tested,
        "emotion": predictions.table["emotion"],
    })  # fmt: skip
    answers = np.eye(len(classes), dtype=int)[predictions.predicted]
    made = key.join(pd.DataFrame(answers, columns=[f"n_{name}" for name in classes]))
    made[[f"p_{name}" for name in classes]] = predictions.probabilities()
    summed = made.groupby(list(_KEY)).sum()
    # Arms without a clip of some class have a row of zeros for it.
    draws = key[["relabelling", "draw", "deal"]].drop_duplicates()
    return summed.reindex(_index(draws, sorted(set(trained)), classes), fill_value=0).reset_index()


def _index(draws: pd.DataFrame, sides: Sequence[str], classes: Sequence[str]) -> pd.MultiIndex:
    """Every row that there must be."""
    return pd.MultiIndex.from_tuples(
        [
            (*numbers, sides[trained], sides[tested], emotion)
            for numbers in draws.itertuples(index=False, name=None)
            for trained, tested in CELLS
            for emotion in classes
        ],
        names=_KEY,
    )
