"""Which folds of a flight still learn, and which have diverged; see `base.divergence`.

It looks at what comes back from the devices anyway, once an epoch.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from ethnicmer_jax.training.fold import Sums


class Watch:
    """The folds of one flight, epoch by epoch.

    Attributes:
      going: bool [f], the folds that have not diverged.
      epoch: int [f], the last epoch that a fold was trained for here, counted from 1; 0 for none.
      loss: float64 [f], its mean training loss then, NaN where there is none.
      reason: f texts, why a fold diverged; "" for others.
    """

    def __init__(self, folds: int, most: float, guess: Mapping[str, float]):
        """All folds are going.

        Args:
          folds: how many.
          most: how many times the loss of guessing a loss may be.
          guess: what the parts of the loss cost who guesses, see `losses.of_guessing`.
        """
        self.going = np.ones(folds, bool)
        self.epoch = np.zeros(folds, int)
        self.loss = np.full(folds, np.nan)
        self.reason = [""] * folds
        self._most, self._guess = most, guess

    def see(self, epoch: int, sums: Sums) -> None:
        """Looks at the losses of an epoch.

        Args:
          epoch: counted from 1.
          sums: of all places of the grid, NumPy arrays; the flight's folds come first.
        """
        folds = len(self.going)
        examples = np.maximum(np.asarray(sums.examples[:folds], np.float64), 1)
        means = {name: total[:folds] / examples for name, total in sums.losses.items()}
        loss = means["loss"]
        guess = sum(self._guess[part] for part in means if part != "loss")
        self.epoch[self.going] = epoch
        self.loss[self.going] = loss[self.going]
        finite = np.all([np.isfinite(values) for values in means.values()], axis=0)
        for row in np.flatnonzero(self.going).tolist():
            if not finite[row]:
                self._stop(row, "no finite number")
            elif loss[row] > self._most * guess:
                self._stop(row, f"{loss[row] / guess:,.3g} times that of guessing")

    def see_results(self, finite: Bool[np.ndarray, " folds"], what: str) -> None:
        """Looks at what training left; the last step may have spoilt it.

        Args:
          finite: bool [f], whether all numbers of a fold are finite.
          what: they are, such as "predictions".
        """
        for row in np.flatnonzero(self.going & ~finite).tolist():
            self._stop(row, f"{what} that are no finite numbers")

    def _stop(self, row: int, reason: str) -> None:
        self.going[row] = False
        self.reason[row] = reason


def finite_rows(
    values: Float[np.ndarray, "folds test classes"], sizes: np.ndarray
) -> Bool[np.ndarray, " folds"]:
    """Whether the first `sizes[f]` rows of each fold hold finite numbers alone."""
    rows = np.isfinite(values).all(axis=-1)
    return (rows | (np.arange(rows.shape[1]) >= np.asarray(sizes)[:, None])).all(axis=-1)
