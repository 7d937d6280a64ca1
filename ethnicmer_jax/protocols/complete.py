"""The one reader of finished predictions: nothing is averaged, chosen or compared of a part."""

from __future__ import annotations

import pathlib

from ethnicmer_jax.base import predictions, sums
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.protocols import fold_file

FOLDS = "folds.npz"
PREDICTIONS = "predictions.csv"


def read(path: pathlib.Path) -> Predictions:
    """The predictions of a work directory, with every row that its folds ask for.

    Args:
      path: predictions.csv of a work directory; without FOLDS beside it, as in the mean of other
        jobs, and under another name, the file alone is checked.

    Raises:
      UserError: it is missing, damaged or lacks rows, or FOLDS is damaged or was lost.
    """
    table = predictions.read(path)
    folds = path.with_name(FOLDS)
    if path.name == PREDICTIONS and (folds.exists() or sums.is_lost(folds)):
        predictions.check_complete(table, fold_file.expected_rows(folds))
    return table
