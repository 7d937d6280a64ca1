"""The one training loop: flights of folds, epoch by epoch, and their predictions.

A host loop over epochs drives one compiled epoch for all folds in flight; progress,
learning curves and checkpoints sit there. Whatever a study compares, it is a longer
table of folds that goes through here. In a distributed job each process trains its share
of the table on its own devices; they meet in the work directory and nowhere else.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import jax
import ml_collections
import numpy as np

from ethnicmer_jax.base import environment, reportable, settings, stopping
from ethnicmer_jax.base.divergence import DivergedError, Divergence
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.progress import Progress, say
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.models import sound_weights
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.training import (
    batches,
    checkpoint,
    device_data,
    devices,
    losses,
    memory,
    optim,
    pretrained,
    programs,
    standardised,
)
from ethnicmer_jax.training.batches import Constants
from ethnicmer_jax.training.device_data import Resident
from ethnicmer_jax.training.fold import FoldState, Learner, Sums
from ethnicmer_jax.training.fold_results import FoldResults
from ethnicmer_jax.training.peeking import BestEpochs
from ethnicmer_jax.training.placement import Grid, padded
from ethnicmer_jax.training.programs import Program
from ethnicmer_jax.training.scalars import ScalarLog
from ethnicmer_jax.training.standardised import Statistics
from ethnicmer_jax.training.watch import Watch, finite_rows

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


class Engine:
    """Trains and predicts the folds of one table over one dataset.

    Attributes:
      dataset: the clips.
      targets: their labels.
      folds: the table.
      learner: the classifier, with what it takes to train it.
      notes: lines on what was decided that a reader of the results should know.
    """

    def __init__(
        self,
        config: ml_collections.ConfigDict,
        dataset: Dataset,
        targets: Targets,
        folds: FoldTable,
    ):
        """Lays out data and devices; nothing is trained yet.

        Args:
          config: the whole config.
          dataset: n clips.
          targets: their labels.
          folds: f rows over the n clips.

        Raises:
          UserError: a setting of the config is not possible.
        """
        settings.check(config.to_dict())
        devices.check(config.engine.devices)
        self._config, self.dataset, self.targets, self.folds = config, dataset, targets, folds
        self.learner = Learner.of(config, targets)
        self._starts = pretrained.read(config, self.learner.model, targets)
        starts = (start.note for start in self._starts.values())
        self.notes = (*starts, *batches.notes(config, targets, folds))
        model, batch = self.learner.model, self.learner.eval_batch
        clips = device_data.build(config, dataset, targets, model, self._starts, batch)
        self._constants = batches.constants(config, targets, folds, batch)
        self._unstandardised = self._flow(clips)
        self._statistics: tuple[np.ndarray, dict[str, Statistics]] | None = None
        self._room = batches.steps_per_epoch(folds, config.optim.batch_size)
        self._lay_out(self._fitting(clips))
        self._data = self._grid.replicate(clips)

    def train(self, workdir: pathlib.Path | None = None) -> Predictions | None:
        """Trains every fold that is not finished yet, and predicts its test clips.

        Args:
          workdir: for checkpoints, learning curves and the results of finished folds;
            without one, nothing is written and nothing can be resumed. The processes of
            a distributed job share it. Curves are those of the first one's share.

        Returns:
          The predictions of all folds; None in all processes but the first one, and where
          no fold tests anything.

        Raises:
          DivergedError: some folds have diverged; the results of all others are kept, and those
            that diverged are trained anew the next time.
        """
        keep = self._config.checkpoint.keep
        mine = (devices.index(), devices.count())
        if mine[1] > 1 and workdir is None:
            raise ValueError("the processes of a distributed job meet in a work directory")
        results = FoldResults(workdir / "parts" if workdir else None, self.folds, mine)
        saved = checkpoint.FoldCheckpoints(workdir / "checkpoints") if workdir else None
        names, first = self.folds.names, mine[0] == 0
        # Shares follow from the table alone: processes may start at different times.
        share = range(mine[0], len(names), mine[1])
        todo = np.asarray([row for row in share if names[row] not in results.done], int)
        # Final models fly by themselves: with them, other folds would fly in other company.
        tested = np.isin(todo, self.folds.tested)
        flights = list(self._flights(todo[tested]))
        # Half-trained folds are saved after every epoch, or when the process is asked to end.
        resume_from = saved if keep == "every" else _half_trained(workdir)
        if resume_from:
            resume_from.check([f.names for f in flights if resume_from.common_epoch(f.names)])
        log = self._log(workdir, results, flights, resume_from) if workdir and first else None
        self._compile_beside(flights)
        steps = len(todo) * self._config.optim.epochs
        with self._progress("training", steps, "fold·epoch") as progress, stopping.postponed():

            def finish(flight: Flight) -> None:
                model_alone = flight.rows[0] not in self.folds.tested
                curves, best = (None, None) if model_alone else (log, self._best_epochs(flight))
                watch = self._watch(flight)
                state = self._train_flight(
                    flight, results, resume_from, curves, progress, watch, best
                )
                # Before anything is kept: memory may run out here, too, and all is done again.
                looked = best is not None and watch.going.any()
                heads = best.heads if best and looked else self._heads(flight, state)
                if model_alone:
                    watch.see_results(_finite_states(self._grid.collect(state), flight), "weights")
                else:
                    sizes = self.folds.test.sizes[flight.rows]
                    watch.see_results(finite_rows(heads["p"], sizes), "predictions")
                # All that a fold which tests nothing is trained for is its model.
                if saved and (keep == "final" or model_alone):
                    self._save(saved, flight, state, self._config.optim.epochs, watch)
                self._finish(results, flight, heads, watch, resume_from)

            for rows in (todo[tested], todo[~tested]):
                list(self._flown(rows, finish, progress))
        if log:
            log.close()
        results.finish_share()
        if not first:
            return None
        results.wait_for(names)
        if diverged := results.take_diverged(names):
            raise DivergedError(diverged, len(names))
        return results.predictions(self.folds, self.dataset, self.targets)

    def trained(self) -> Iterator[tuple[int, FoldState]]:
        """Trains every fold in memory; nothing is predicted, and nothing written.

        Yields:
          A fold's row in the table and its state as NumPy arrays, frozen backbones
          included, in table order.

        Raises:
          DivergedError: a fold has diverged.
        """
        steps = len(self.folds) * self._config.optim.epochs
        with self._progress("training", steps, "fold·epoch") as progress:

            def states_of(flight: Flight) -> tuple[FoldState, Watch]:
                watch = self._watch(flight)
                trained = self._train_flight(flight, FoldResults(None), None, None, progress, watch)
                return self._grid.collect(trained), watch

            rows = np.arange(len(self.folds))
            for flight, (states, watch) in self._flown(rows, states_of, progress):
                watch.see_results(_finite_states(states, flight), "weights")
                if not watch.going.all():
                    raise DivergedError(self._diverged(flight, watch), len(self.folds))
                for place, row in enumerate(flight.rows):
                    state = jax.tree.map(lambda x, i=place: x[i], states)
                    yield int(row), state.completed(self._starts)

    def evaluate(self, workdir: pathlib.Path) -> Predictions:
        """Predicts every fold's test clips from its checkpoint.

        Raises:
          UserError: a fold has no checkpoint, or one that predicts no numbers; or no fold tests
            anything.
        """
        results = FoldResults(None)
        saved = checkpoint.FoldCheckpoints(workdir / "checkpoints")
        tested = self.folds.tested
        with self._progress("predicting", len(tested), "fold") as progress:

            def heads_of(flight: Flight) -> dict[str, np.ndarray]:
                return self._heads(flight, self._restored(saved, flight, to_predict=True))

            for flight, heads in self._flown(tested, heads_of, progress):
                watch = self._watch(flight)
                sizes = self.folds.test.sizes[flight.rows]
                watch.see_results(finite_rows(heads["p"], sizes), "predictions")
                for diverged in self._diverged(flight, watch):
                    raise UserError(
                        f"the checkpoint of {diverged.name} predicts no finite numbers: its "
                        "training diverged, or it was damaged; train it again"
                    )
                self._finish(results, flight, heads, watch)
                progress.update(len(flight.rows))
        table = results.predictions(self.folds, self.dataset, self.targets)
        if table is None:
            raise UserError("no fold tests anything: there is nothing to predict")
        return table

    def states(
        self, workdir: pathlib.Path, rows: np.ndarray | None = None
    ) -> Iterator[tuple[int, FoldState]]:
        """The trained folds of a work directory, from their checkpoints.

        Args:
          workdir: of the job that trained them.
          rows: int [k], the wanted ones; all by default.

        Yields:
          A fold's row in the table and its state as NumPy arrays, frozen backbones
          included, in table order.

        Raises:
          UserError: a fold has no checkpoint, or one of another model.
        """
        saved = checkpoint.FoldCheckpoints(workdir / "checkpoints")
        for flight in self._flights(np.arange(len(self.folds)) if rows is None else rows):
            states = self._checkpointed(saved, flight, to_predict=True)
            for place, row in enumerate(flight.rows):
                state = jax.tree.map(lambda x, i=place: x[i], states)
                yield int(row), state.completed(self._starts)

    def features(
        self, workdir: pathlib.Path, wanted: Mapping[int, np.ndarray] | None = None
    ) -> Iterator[tuple[int, np.ndarray]]:
        """What the final layer of each fold reads of clips, not mirrored.

        Args:
          workdir: of the job that trained them.
          wanted: a fold's row in the table -> the clips; by default its test clips.

        Yields:
          A fold's row and float32 [clips, d], from its checkpoint.

        Raises:
          UserError: a fold has no checkpoint, or one of another model.
        """
        compute, data, batch = jax.jit(self.learner.features), self.data, self.learner.eval_batch
        rows = self.folds.tested if wanted is None else np.array(sorted(wanted))
        for row, state in self.states(workdir, rows):
            clips = self.folds.test.clips(row) if wanted is None else wanted[row]
            clips = clips.astype(np.int32)
            # The last block is filled up, so that one shape is compiled.
            blocks = np.resize(clips, (-(-len(clips) // batch), batch))
            values = [np.asarray(compute(state, data, block)) for block in blocks]
            yield row, np.concatenate(values)[: len(clips)]

    def images(self, branch: str) -> np.ndarray:
        """What a branch sees of every clip, neither mirrored nor prepared.

        Args:
          branch: "emotion" or "ethnic".

        Returns:
          float32 [n, S, S, 3].
        """
        return device_data.branch_images(self._config, self.dataset, branch)

    @property
    def standardised(self) -> bool:
        """Whether any branch sees flow that is standardised within database."""
        return bool(standardised.branches(self._config))

    def input_of(self, branch: str) -> str:
        """Which pixels a branch sees: "flow" or "apex"."""
        return str(self._config.model[f"{branch}_input"])

    @property
    def data(self) -> Resident:
        """The data of all clips, as the methods of `fold.Learner` want them."""
        # Of the first device alone: indexing the whole would compute on all of them.
        return jax.tree.map(lambda x: x.addressable_data(0)[0], self._data)

    def environment(self) -> dict[str, Any]:
        """Versions, devices and command behind the results."""
        mine = [device.device_kind for device in self._grid.devices]
        return environment.describe(mine * devices.count()) | {"folds": str(self._grid)}

    def clear(self, workdir: pathlib.Path) -> None:
        """Removes the results of single folds, once predictions.csv holds them all."""
        FoldResults(workdir / "parts").clear()

    def _log(
        self,
        workdir: pathlib.Path,
        results: FoldResults,
        flights: list[Flight],
        resume_from: checkpoint.FoldCheckpoints | None,
    ) -> ScalarLog:
        epochs = dict.fromkeys(results.done, self._config.optim.epochs)
        if resume_from:
            epochs |= {f.names[0]: resume_from.common_epoch(f.names) for f in flights}
        return ScalarLog(workdir, epochs)

    def _compile_beside(self, flights: list[Flight]) -> None:
        """Has epoch and prediction compiled on other threads, while `init` is on this one."""
        if not flights:
            return
        at, size = self._at(flights[0]), self._grid.size
        fixed = self._grid.place(at)
        like = jax.eval_shape(self._init, fixed, self._data)
        if not programs.is_small(like):
            return  # the calls below have states of their own

        def state() -> FoldState:
            zeros = jax.tree.map(lambda x: np.zeros((size, *x.shape[3:]), x.dtype), like)
            return self._grid.place(zeros)

        def no_steps() -> tuple[Any, ...]:
            shape = (size, self._room, self._config.optim.batch_size)
            order = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
            rest = np.zeros(size, np.int32), np.zeros(size, np.float32)
            return state(), fixed, *self._grid.place((*order, *rest)), self._data

        def no_clips() -> tuple[Any, ...]:
            nothing = dataclasses.replace(at, n_test=np.zeros_like(at.n_test))
            return state(), self._grid.place(nothing), self._data

        self._epoch.compile_beside(no_steps)
        self._predict.compile_beside(no_clips)

    def _train_flight(
        self,
        flight: Flight,
        results: FoldResults,
        resume_from: checkpoint.FoldCheckpoints | None,
        log: ScalarLog | None,
        progress: Progress,
        watch: Watch,
        best: BestEpochs | None = None,
    ) -> FoldState:
        fixed = self._grid.place(self._at(flight))
        folds = self.folds.select(flight.places)
        config, keep = self._config.optim, self._config.checkpoint.keep
        # Whoever chooses among epochs has to see all of them.
        first = resume_from.common_epoch(flight.names) if resume_from and not best else 0
        if resume_from and first:
            state = self._restored(resume_from, flight)
        else:
            state = self._init(fixed, self._data)
        progress.skip(first * len(flight.rows))
        if log:
            log.begin(flight.names[0], first)

        def tell(epoch: int, sums: Sums) -> None:
            sums = self._grid.collect(sums)
            watch.see(epoch, sums)
            if not watch.going.any():
                progress.skip((config.epochs - epoch + 1) * len(flight.rows))
                return
            means = _means(sums, watch.going)
            if log:
                runs = set(self.folds.run[flight.rows])
                run = runs.pop() if len(runs) == 1 else None
                log.write(flight.names[0], run, epoch, means, len(flight.rows))
            progress.set_postfix(loss=f"{means['loss']:.3f}")
            progress.update(len(flight.rows))

        batch, untold = self._batch(flight, folds, first, watch), None
        for number in range(first, config.epochs):
            state, sums = self._epoch(state, fixed, *batch, self._data)
            # While the devices are busy with it, the host shuffles for the next epoch and tells
            # of the one before: they wait for each other where the state is wanted only. A fold
            # that has diverged takes one epoch more.
            if number + 1 < config.epochs:
                batch = self._batch(flight, folds, number + 1, watch)
            if untold:
                tell(*untold)
            untold = number + 1, sums
            stop = stopping.asked()
            kept = resume_from if keep == "every" or stop else None
            if kept or best:
                tell(*untold)
                untold = None
            if not watch.going.any():
                untold = None
                break
            if kept:
                self._save(kept, flight, state, number + 1, watch)
            if stop:
                stopping.check()
            if best:
                best.see(self._heads(flight, state))
        if untold:
            tell(*untold)
        return state

    def _watch(self, flight: Flight) -> Watch:
        """What names the folds of a flight that diverge; nothing has been seen yet."""
        names = self.targets.emotion_names, self.targets.ethnic_names
        guess = losses.of_guessing(self.learner.loss, *map(len, names))
        return Watch(len(flight.rows), self._config.optim.divergence, guess)

    def _diverged(self, flight: Flight, watch: Watch) -> list[Divergence]:
        return [
            Divergence(
                *(str(self.folds.run[row]), str(self.folds.fold[row])),
                tuple(map(str, np.unique(self.dataset.person[self.folds.test.clips(int(row))]))),
                int(watch.epoch[place]),
                float(watch.loss[place]),
                watch.reason[place],
            )
            for place, row in enumerate(flight.rows)
            if not watch.going[place]
        ]

    def _batch(self, flight: Flight, folds: FoldTable, number: int, watch: Watch) -> Any:
        """The examples of an epoch and its learning rate, on the devices."""
        config = self._config.optim
        order = batches.epoch(folds, number, config.batch_size, self._room)
        # Dummies repeat the first fold's data but take no step; nor do folds that diverged.
        order.steps[len(flight.rows) :] = 0
        order.steps[: len(flight.rows)][~watch.going] = 0
        rate = np.full(self._grid.size, optim.learning_rate(config, number), np.float32)
        return self._grid.place((order.index, order.weight, order.steps, rate))

    def _flow(self, clips: Resident) -> dict[str, np.ndarray] | None:
        """Branch -> its flow, of branches whose folds standardise it; None where none does."""
        branches = standardised.branches(self._config)
        if not branches:
            return None
        if self.targets.database is None:
            raise UserError("data.standardise=database: these clips name no database")
        return {
            branch: np.asarray(clips.images[branch])
            for branch in branches
            if branch in clips.images
        }

    def _best_epochs(self, flight: Flight) -> BestEpochs | None:
        """What looks at the test clips after every epoch, where the config asks for that."""
        if not reportable.fault(self._config.to_dict()):
            return None
        tests = [self.targets.emotion[self.folds.test.clips(row)] for row in flight.rows]
        return BestEpochs(tests)

    def _heads(self, flight: Flight, state: FoldState) -> dict[str, np.ndarray]:
        """Probabilities for the test clips of every fold of a flight, see `Learner.predict`."""
        fixed = self._grid.place(self._at(flight))
        heads = self._grid.collect(self._predict(state, fixed, self._data))
        return {head: values[: len(flight.rows)] for head, values in heads.items()}

    def _finish(
        self,
        results: FoldResults,
        flight: Flight,
        heads: dict[str, np.ndarray],
        watch: Watch,
        resumed_from: checkpoint.FoldCheckpoints | None = None,
    ) -> None:
        """Keeps what the folds that have not diverged predict; names the others."""
        diverged = self._diverged(flight, watch)
        if resumed_from:
            # What such a fold left while it still went well is not where it starts again.
            resumed_from.remove([one.name for one in diverged])
        results.diverge(diverged)
        kept = np.flatnonzero(watch.going)
        if len(kept):
            sizes = self.folds.test.sizes[flight.rows[kept]]
            own = {head: values[kept] for head, values in heads.items()}
            results.add([flight.names[place] for place in kept], sizes, own)

    def _save(
        self,
        saved: checkpoint.FoldCheckpoints,
        flight: Flight,
        state: FoldState,
        epoch: int,
        watch: Watch,
    ) -> None:
        """Saves the folds that have not diverged."""
        rows = np.flatnonzero(watch.going)
        kept = jax.tree.map(lambda x: x[rows], self._grid.collect(state))
        saved.save([flight.names[row] for row in rows], kept, epoch)

    def _restored(
        self, saved: checkpoint.FoldCheckpoints, flight: Flight, to_predict: bool = False
    ) -> FoldState:
        states = self._checkpointed(saved, flight, to_predict)
        spare = np.zeros(self._grid.size - len(flight.rows), int)
        rows = np.concatenate([np.arange(len(flight.rows)), spare])
        return self._grid.place(jax.tree.map(lambda x: x[rows], states))

    def _checkpointed(
        self, saved: checkpoint.FoldCheckpoints, flight: Flight, to_predict: bool = False
    ) -> FoldState:
        fixed = self._grid.place(self._at(flight))
        like = jax.eval_shape(self._init, fixed, self._data)
        one = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[3:], x.dtype), like)
        states = saved.restore(flight.names, one)
        for row, name in enumerate(flight.names if to_predict else ()):
            network = jax.tree.map(lambda x, at=row: x[at], states.variables)
            sound_weights.check(f"the network {name}", network)
        return states

    def _flights(self, rows: np.ndarray) -> Iterator[Flight]:
        while len(rows):
            flying, rows = rows[: self._grid.size], rows[self._grid.size :]
            names = self.folds.select(flying).names
            yield Flight(flying, names, padded(flying, self._grid.size))

    def _flown(
        self, rows: np.ndarray, work: Callable[[Flight], T], progress: Progress
    ) -> Iterator[tuple[Flight, T]]:
        """Flight by flight of some rows, and what `work` makes of each.

        Where a device has no memory left, the flight is repeated with half as many folds, and
        so are those after it.
        """
        while len(rows):
            flight, before = next(self._flights(rows)), progress.done
            try:
                made = work(flight)
            except jax.errors.JaxRuntimeError as error:
                self._halve(error)
                progress.skip(before - progress.done)
                continue
            rows = rows[len(flight.rows) :]
            yield flight, made

    def _halve(self, error: jax.errors.JaxRuntimeError) -> None:
        """Trains half as many folds at a time from now on, after an error about memory."""
        if not memory.ran_out(error):
            raise error
        grid = self._grid.halved()
        if grid is None:
            raise UserError(
                "a device has no memory for a single fold; lower optim.batch_size or "
                "model.image_size, or set model.compute_dtype=bfloat16"
            ) from error
        say(f"a device has no memory left for folds {self._grid}: now {grid}")
        self._lay_out(grid)

    def _fitting(self, clips: Resident) -> Grid:
        """The grid that the config asks for; what it leaves open follows from devices' memory."""
        asked, used = self._config.engine, devices.local()[: self._config.engine.devices or None]
        free = memory.free([device.memory_stats() for device in used], clips)
        room = None
        if free is not None and not (asked.fold_batch and asked.folds_in_flight):
            first = Flight(np.zeros(1, int), [], np.zeros(1, int))
            one = jax.tree.map(lambda x: x[0], self._at(first))
            batch = self._config.optim.batch_size
            room = memory.Need.of(self.learner, one, clips, batch).room(free)
        numbers = asked.devices, asked.fold_batch, asked.folds_in_flight, len(self.folds)
        return Grid.fitting(*numbers, room, devices.count())

    def _lay_out(self, grid: Grid) -> None:
        self._grid = grid
        self._init = grid.map(self.learner.init)
        self._epoch = Program(grid.map(self.learner.epoch, donate_first=True))
        self._predict = Program(grid.map(self.learner.predict))

    def _at(self, flight: Flight) -> Constants:
        constants = jax.tree.map(lambda x: x[flight.places], self._constants)
        if self._unstandardised is None:
            return constants
        # Of this flight alone: those of thousands of folds would take gigabytes, and minutes
        # before the first of them is trained.
        if self._statistics is None or not np.array_equal(self._statistics[0], flight.places):
            train = self.folds.train.select(flight.places)
            found = {
                branch: standardised.of_folds(
                    flow, self.targets.database, len(self.targets.database_names), train
                )
                for branch, flow in self._unstandardised.items()
            }
            self._statistics = flight.places, found
        return dataclasses.replace(constants, flow=self._statistics[1])

    def _progress(self, title: str, total: int, unit: str) -> Progress:
        return Progress(title, total=total, unit=unit, hidden=devices.index() > 0)


def _half_trained(workdir: pathlib.Path | None) -> checkpoint.FoldCheckpoints | None:
    """Where folds are saved whose training was stopped; gone with the results of single folds."""
    return checkpoint.FoldCheckpoints(workdir / "parts" / "stopped") if workdir else None


def _finite_states(states: FoldState, flight: Flight) -> np.ndarray:
    """Whether all that predicts of each fold of a flight is finite, bool [f]."""
    rows = len(flight.rows)
    own = [np.isfinite(x[:rows]).reshape(rows, -1) for x in jax.tree.leaves(states.variables)]
    return np.all([leaf.all(axis=1) for leaf in own], axis=0)


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
