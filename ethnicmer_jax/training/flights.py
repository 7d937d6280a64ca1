"""Flights: as many folds of a table at a time as the devices hold, and the programs they share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax
import ml_collections
import numpy as np
from jaxtyping import Bool, Int

from ethnicmer_jax.base.progress import Progress, say
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.models import sound_weights
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.training import batches, devices, memory, optim, programs, standardised
from ethnicmer_jax.training.batches import Constants
from ethnicmer_jax.training.checkpoint import FoldCheckpoints
from ethnicmer_jax.training.device_data import Resident
from ethnicmer_jax.training.fold import FoldState, Learner, Sums
from ethnicmer_jax.training.placement import Grid, padded
from ethnicmer_jax.training.programs import Program

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Flight:
    """Folds that are trained side by side: as many as the devices have places for.

    Attributes:
      rows: int [f], their rows in the fold table.
      names: f fold names.
      places: int [grid size], the row at every place; dummies repeat the first.
    """

    rows: np.ndarray
    names: list[str]
    places: np.ndarray


class Flights:
    """The folds of one table over one set of clips, laid out on the devices.

    States that its methods take and give stay on the devices, laid out over the grid.

    Attributes:
      grid: the places for folds; smaller ones once a device had no memory left.
    """

    grid: Grid

    def __init__(
        self,
        config: ml_collections.ConfigDict,
        targets: Targets,
        folds: FoldTable,
        learner: Learner,
        clips: Resident,
    ):
        """Puts the clips on the devices; no program is compiled yet.

        Args:
          config: the whole config.
          targets: the labels of n clips.
          folds: f rows over the n clips.
          learner: the classifier, with what it takes to train it.
          clips: the n clips, on one device.

        Raises:
          UserError: flow is to be standardised within database, and the clips name none.
        """
        self._config, self._targets, self._folds = config, targets, folds
        self._learner = learner
        self._constants = batches.constants(config, targets, folds, learner.eval_batch)
        self._unstandardised = _flow(config, targets, clips)
        self._room = batches.steps_per_epoch(folds, config.optim.batch_size)
        self._lay_out(self._fitting(clips))
        self._data = self.grid.replicate(clips)

    @property
    def data(self) -> Resident:
        """The data of all clips, as the methods of `fold.Learner` want them."""
        # Of the first device alone: indexing the whole would compute on all of them.
        return jax.tree.map(lambda x: x.addressable_data(0)[0], self._data)

    def of(self, rows: Int[np.ndarray, " folds"]) -> Iterator[Flight]:
        """Rows of the table, flight by flight of today's grid."""
        while len(rows):
            flying, rows = rows[: self.grid.size], rows[self.grid.size :]
            names = self._folds.select(flying).names
            yield Flight(flying, names, padded(flying, self.grid.size))

    def flown(
        self, rows: Int[np.ndarray, " folds"], work: Callable[[Flight], T], progress: Progress
    ) -> Iterator[tuple[Flight, T]]:
        """Flight by flight of some rows, and what `work` makes of each.

        Where a device has no memory left, the flight is repeated with half as many folds, and
        so are those after it.

        Raises:
          UserError: a device has no memory for one fold.
        """
        while len(rows):
            flight, before = next(self.of(rows)), progress.done
            try:
                made = work(flight)
            except jax.errors.JaxRuntimeError as error:
                self._halve(error)
                progress.skip(before - progress.done)
                continue
            rows = rows[len(flight.rows) :]
            yield flight, made

    def init(self, flight: Flight) -> FoldState:
        """Folds that have learnt nothing."""
        return self._init(self._placed(flight), self._data)

    def examples(
        self, flight: Flight, number: int, going: Bool[np.ndarray, " folds"]
    ) -> tuple[Any, ...]:
        """What `epoch` wants: the order of an epoch's examples, and its learning rate.

        Args:
          flight: f folds.
          number: the epoch, from 0.
          going: the folds that take any steps in it.
        """
        config, folds = self._config.optim, len(flight.rows)
        table = self._folds.select(flight.places)
        order = batches.epoch(table, number, config.batch_size, self._room)
        # Dummies repeat the first fold's data but take no step; nor do folds that diverged.
        order.steps[folds:] = 0
        order.steps[:folds][~going] = 0
        rate = np.full(self.grid.size, optim.learning_rate(config, number), np.float32)
        return self.grid.place((order.index, order.weight, order.steps, rate))

    def epoch(
        self, state: FoldState, flight: Flight, examples: tuple[Any, ...]
    ) -> tuple[FoldState, Sums]:
        """One epoch of all folds; the memory of the states that come in is used again."""
        return self._epoch(state, self._placed(flight), *examples, self._data)

    def heads(self, flight: Flight, state: FoldState) -> dict[str, np.ndarray]:
        """Probabilities for the test clips of every fold of a flight, see `Learner.predict`."""
        heads = self.collect(self._predict(state, self._placed(flight), self._data))
        return {head: values[: len(flight.rows)] for head, values in heads.items()}

    def collect(self, tree: Any) -> Any:
        """Brings a result back as NumPy arrays [grid size, ...]; the flight's folds come first."""
        return self.grid.collect(tree)

    def save(
        self,
        saved: FoldCheckpoints,
        flight: Flight,
        state: FoldState,
        epoch: int,
        going: Bool[np.ndarray, " folds"],
    ) -> None:
        """Saves the folds that are going, after `epoch` epochs."""
        rows = np.flatnonzero(going)
        kept = jax.tree.map(lambda x: x[rows], self.collect(state))
        saved.save([flight.names[row] for row in rows], kept, epoch)

    def saved_states(
        self, saved: FoldCheckpoints, flight: Flight, to_predict: bool = False
    ) -> FoldState:
        """The folds of a flight from their checkpoints, NumPy arrays [f, ...].

        Args:
          saved: the checkpoints.
          flight: f folds.
          to_predict: whether they are to be of numbers that a network can have.

        Raises:
          UserError: a fold has no checkpoint, or one of another model.
        """
        like = jax.eval_shape(self._init, self._placed(flight), self._data)
        one = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[3:], x.dtype), like)
        states = saved.restore(flight.names, one)
        for row, name in enumerate(flight.names if to_predict else ()):
            network = jax.tree.map(lambda x, at=row: x[at], states.variables)
            sound_weights.check(f"the network {name}", network)
        return states

    def restored(
        self, saved: FoldCheckpoints, flight: Flight, to_predict: bool = False
    ) -> FoldState:
        """The same on the devices."""
        states = self.saved_states(saved, flight, to_predict)
        spare = np.zeros(self.grid.size - len(flight.rows), int)
        rows = np.concatenate([np.arange(len(flight.rows)), spare])
        return self.grid.place(jax.tree.map(lambda x: x[rows], states))

    def compile_beside(self, flight: Flight) -> None:
        """Has epoch and prediction compiled on other threads, while `init` is on this one."""
        fixed, size = self._placed(flight), self.grid.size
        like = jax.eval_shape(self._init, fixed, self._data)
        if not programs.is_small(like):
            return  # the calls below have states of their own

        def state() -> FoldState:
            zeros = jax.tree.map(lambda x: np.zeros((size, *x.shape[3:]), x.dtype), like)
            return self.grid.place(zeros)

        def no_steps() -> tuple[Any, ...]:
            shape = (size, self._room, self._config.optim.batch_size)
            order = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
            rest = np.zeros(size, np.int32), np.zeros(size, np.float32)
            return state(), fixed, *self.grid.place((*order, *rest)), self._data

        def no_clips() -> tuple[Any, ...]:
            nothing = self.grid.place(np.zeros(size, np.int32))
            return state(), dataclasses.replace(fixed, n_test=nothing), self._data

        self._epoch.compile_beside(no_steps)
        self._predict.compile_beside(no_clips)

    def _fitting(self, clips: Resident) -> Grid:
        """The grid that the config asks for; what it leaves open follows from devices' memory."""
        asked, used = self._config.engine, devices.local()[: self._config.engine.devices or None]
        free = memory.free([device.memory_stats() for device in used], clips)
        room = None
        if free is not None and not (asked.fold_batch and asked.folds_in_flight):
            first = Flight(np.zeros(1, int), [], np.zeros(1, int))
            one = jax.tree.map(lambda x: x[0], self._at(first))
            batch = self._config.optim.batch_size
            room = memory.Need.of(self._learner, one, clips, batch).room(free)
        numbers = asked.devices, asked.fold_batch, asked.folds_in_flight, len(self._folds)
        return Grid.fitting(*numbers, room, devices.count())

    def _lay_out(self, grid: Grid) -> None:
        self.grid = grid
        self._fixed: tuple[np.ndarray, Constants] | None = None
        self._init = grid.map(self._learner.init)
        self._epoch = Program(grid.map(self._learner.epoch, donate_first=True))
        self._predict = Program(grid.map(self._learner.predict))

    def _halve(self, error: jax.errors.JaxRuntimeError) -> None:
        """Trains half as many folds at a time from now on, after an error about memory."""
        if not memory.ran_out(error):
            raise error
        grid = self.grid.halved()
        if grid is None:
            raise UserError(
                "a device has no memory for a single fold; lower optim.batch_size or "
                "model.image_size, or set model.compute_dtype=bfloat16"
            ) from error
        say(f"a device has no memory left for folds {self.grid}: now {grid}")
        self._lay_out(grid)

    def _placed(self, flight: Flight) -> Constants:
        """What distinguishes the folds of a flight, on the devices; those of the last one asked."""
        if self._fixed is None or not np.array_equal(self._fixed[0], flight.places):
            self._fixed = flight.places, self.grid.place(self._at(flight))
        return self._fixed[1]

    def _at(self, flight: Flight) -> Constants:
        constants = jax.tree.map(lambda x: x[flight.places], self._constants)
        if self._unstandardised is None:
            return constants
        # Of this flight alone: those of thousands of folds would take gigabytes, and minutes
        # before the first of them is trained.
        train, databases = self._folds.train.select(flight.places), self._targets.database
        count = len(self._targets.database_names)
        statistics = {
            branch: standardised.of_folds(flow, databases, count, train)
            for branch, flow in self._unstandardised.items()
        }
        return dataclasses.replace(constants, flow=statistics)


def _flow(
    config: ml_collections.ConfigDict, targets: Targets, clips: Resident
) -> dict[str, np.ndarray] | None:
    """Branch -> its flow, of branches whose folds standardise it; None where none does."""
    branches = standardised.branches(config)
    if not branches:
        return None
    if targets.database is None:
        raise UserError("data.standardise=database: these clips name no database")
    return {
        branch: np.asarray(clips.images[branch]) for branch in branches if branch in clips.images
    }
