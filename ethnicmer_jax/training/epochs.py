"""The loop over the epochs of one flight: the only training loop there is.

Progress, learning curves, checkpoints and the end that somebody asks for sit here, between the
epochs; all else happens on the devices.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ethnicmer_jax.base import stopping
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.training.checkpoint import FoldCheckpoints
from ethnicmer_jax.training.flights import Flight, Flights
from ethnicmer_jax.training.fold import FoldState, Sums
from ethnicmer_jax.training.peeking import BestEpochs
from ethnicmer_jax.training.scalars import ScalarLog
from ethnicmer_jax.training.watch import Watch


@dataclasses.dataclass(frozen=True)
class Epochs:
    """How flights are trained.

    Attributes:
      flights: the folds on the devices.
      count: epochs of a fold.
      progress: one unit is an epoch of a fold.
      run: the run of every row of the table, for learning curves.
      log: for learning curves, where any are kept.
      saved: half-trained folds, from which their training goes on; where they are saved when the
        process is asked to end.
      every: whether they are saved after each epoch, too.
    """

    flights: Flights
    count: int
    progress: Progress
    run: np.ndarray
    log: ScalarLog | None = None
    saved: FoldCheckpoints | None = None
    every: bool = False

    def train(self, flight: Flight, watch: Watch, best: BestEpochs | None = None) -> FoldState:
        """Trains a flight to its last epoch.

        Args:
          flight: f folds.
          watch: is told of every epoch; a fold that diverged takes no more steps.
          best: is shown the predictions after every epoch.

        Raises:
          Stopped: the process was asked to end; the folds are saved.
        """
        flights, untold = self.flights, None
        # Whoever chooses among epochs has to see all of them.
        first = 0 if best else self._begun(flight)
        resumed = self.saved if first else None
        state = flights.restored(resumed, flight) if resumed else flights.init(flight)
        self._begin(flight, first)
        examples = flights.examples(flight, first, watch.going)
        for number in range(first, self.count):
            state, sums = flights.epoch(state, flight, examples)
            # While the devices are busy with it, the host shuffles for the next epoch and tells
            # of the one before: they wait for each other where the state is wanted only. A fold
            # that has diverged takes one epoch more.
            if number + 1 < self.count:
                examples = flights.examples(flight, number + 1, watch.going)
            if untold:
                self._tell(flight, watch, *untold)
            untold = number + 1, sums
            stop = stopping.asked()
            kept = self.saved if self.every or stop else None
            if kept or best:
                self._tell(flight, watch, *untold)
                untold = None
            if not watch.going.any():
                return state
            if kept:
                flights.save(kept, flight, state, number + 1, watch.going)
            if stop:
                stopping.check()
            if best:
                best.see(flights.heads(flight, state))
        if untold:
            self._tell(flight, watch, *untold)
        return state

    def _begun(self, flight: Flight) -> int:
        """Epochs that a flight has been trained for already."""
        return self.saved.common_epoch(flight.names) if self.saved else 0

    def _begin(self, flight: Flight, first: int) -> None:
        self.progress.skip(first * len(flight.rows))
        if self.log:
            self.log.begin(flight.names[0], first)

    def _tell(self, flight: Flight, watch: Watch, epoch: int, sums: Sums) -> None:
        """Waits for an epoch, counted from 1, and says how it went."""
        folds, sums = len(flight.rows), self.flights.collect(sums)
        watch.see(epoch, sums)
        if not watch.going.any():
            self.progress.skip((self.count - epoch + 1) * folds)
            return
        means = _means(sums, watch.going)
        if self.log:
            runs = set(self.run[flight.rows])
            run = runs.pop() if len(runs) == 1 else None
            self.log.write(flight.names[0], run, epoch, means, folds)
        self.progress.set_postfix(loss=f"{means['loss']:.3f}")
        self.progress.update(folds)


def _means(sums: Sums, going: np.ndarray) -> dict[str, float]:
    """Means over the examples of the folds that are `going`; a loss of one part has no parts."""

    def total(values: np.ndarray) -> float:
        return float(values[: len(going)][going].sum())

    examples = max(total(sums.examples), 1.0)
    means = {name: total(values) / examples for name, values in sums.losses.items()}
    if means.keys() == {"loss", "final"}:
        del means["final"]
    named = {name if name == "loss" else f"{name}_loss": value for name, value in means.items()}
    return {**named, "train_accuracy": total(sums.correct) / examples}
