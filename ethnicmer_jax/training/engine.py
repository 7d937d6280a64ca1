"""From a table of folds to trained networks and predictions.

Whatever a study compares, it is a longer table of folds that goes through here. In a distributed
job each process trains its share of the table on its own devices; they meet in the work directory
and nowhere else.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import ml_collections
import numpy as np

from ethnicmer_jax.base import environment, reportable, settings, stopping
from ethnicmer_jax.base.divergence import DivergedError, Divergence
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.protocols.fold_table import FoldTable
from ethnicmer_jax.training import (
    batches,
    checkpoint,
    device_data,
    devices,
    losses,
    pretrained,
    standardised,
)
from ethnicmer_jax.training.device_data import Resident
from ethnicmer_jax.training.epochs import Epochs
from ethnicmer_jax.training.flights import Flight, Flights
from ethnicmer_jax.training.fold import FoldState, Learner
from ethnicmer_jax.training.fold_results import FoldResults
from ethnicmer_jax.training.peeking import BestEpochs
from ethnicmer_jax.training.scalars import ScalarLog
from ethnicmer_jax.training.watch import Watch, finite_rows


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
        self._flights = Flights(config, targets, folds, self.learner, clips)

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
        mine = (devices.index(), devices.count())
        if mine[1] > 1 and workdir is None:
            raise ValueError("the processes of a distributed job meet in a work directory")
        results = FoldResults(workdir / "parts" if workdir else None, self.folds, mine)
        names, first = self.folds.names, mine[0] == 0
        # Shares follow from the table alone: processes may start at different times.
        share = range(mine[0], len(names), mine[1])
        todo = np.asarray([row for row in share if names[row] not in results.done], int)
        with self._training(len(todo)) as progress, stopping.postponed():
            self._train(todo, results, progress, workdir, first)
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
        with self._training(len(self.folds)) as progress:
            epochs = self._epochs(progress)

            def states_of(flight: Flight) -> tuple[FoldState, Watch]:
                watch = self._watch(flight)
                return self._flights.collect(epochs.train(flight, watch)), watch

            rows = np.arange(len(self.folds))
            for flight, (states, watch) in self._flights.flown(rows, states_of, progress):
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
                state = self._flights.restored(saved, flight, to_predict=True)
                return self._flights.heads(flight, state)

            for flight, heads in self._flights.flown(tested, heads_of, progress):
                watch = self._watch(flight)
                watch.see_results(self._finite(flight, heads), "predictions")
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
        for flight in self._flights.of(np.arange(len(self.folds)) if rows is None else rows):
            states = self._flights.saved_states(saved, flight, to_predict=True)
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
        return self._flights.data

    def environment(self) -> dict[str, Any]:
        """Versions, devices and command behind the results."""
        grid = self._flights.grid
        mine = [device.device_kind for device in grid.devices]
        return environment.describe(mine * devices.count()) | {"folds": str(grid)}

    def clear(self, workdir: pathlib.Path) -> None:
        """Removes the results of single folds, once predictions.csv holds them all."""
        FoldResults(workdir / "parts").clear()

    def _train(
        self,
        rows: np.ndarray,
        results: FoldResults,
        progress: Progress,
        workdir: pathlib.Path | None,
        curves: bool,
    ) -> None:
        """Trains some rows of the table and keeps what comes of it; see `train`."""
        keep = self._config.checkpoint.keep
        saved = checkpoint.FoldCheckpoints(workdir / "checkpoints") if workdir else None
        # Final models fly by themselves: with them, other folds would fly in other company.
        tested = np.isin(rows, self.folds.tested)
        flights = list(self._flights.of(rows[tested]))
        # Half-trained folds are saved after every epoch, or when the process is asked to end.
        every = keep == "every"
        resume_from = saved if every else _half_trained(workdir)
        if resume_from:
            resume_from.check([f.names for f in flights if resume_from.common_epoch(f.names)])
        log = self._log(workdir, results, flights, resume_from) if workdir and curves else None
        if flights:
            self._flights.compile_beside(flights[0])
        epochs = self._epochs(progress, log, resume_from, every)
        train_tested = functools.partial(
            self._train_tested, epochs, results, saved if keep == "final" else None
        )
        # All that a fold which tests nothing is trained for is its model.
        train_model = functools.partial(
            self._train_model, dataclasses.replace(epochs, log=None), results, saved
        )
        for part, work in ((rows[tested], train_tested), (rows[~tested], train_model)):
            list(self._flights.flown(part, work, progress))
        if log:
            log.close()

    def _train_tested(
        self,
        epochs: Epochs,
        results: FoldResults,
        saved: checkpoint.FoldCheckpoints | None,
        flight: Flight,
    ) -> None:
        """Trains folds that test clips, and predicts them."""
        watch, best = self._watch(flight), self._best_epochs(flight)
        state = epochs.train(flight, watch, best)
        # Before anything is kept: memory may run out here, too, and all is done again.
        looked = best is not None and watch.going.any()
        heads = best.heads if best and looked else self._flights.heads(flight, state)
        watch.see_results(self._finite(flight, heads), "predictions")
        if saved:
            self._save(saved, flight, state, watch)
        self._finish(results, flight, heads, watch, epochs.saved)

    def _train_model(
        self,
        epochs: Epochs,
        results: FoldResults,
        saved: checkpoint.FoldCheckpoints | None,
        flight: Flight,
    ) -> None:
        """Trains folds that test nothing."""
        watch = self._watch(flight)
        state = epochs.train(flight, watch)
        heads = self._flights.heads(flight, state)
        watch.see_results(_finite_states(self._flights.collect(state), flight), "weights")
        if saved:
            self._save(saved, flight, state, watch)
        self._finish(results, flight, heads, watch, epochs.saved)

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

    def _best_epochs(self, flight: Flight) -> BestEpochs | None:
        """What looks at the test clips after every epoch, where the config asks for that."""
        if not reportable.fault(self._config.to_dict()):
            return None
        tests = [self.targets.emotion[self.folds.test.clips(row)] for row in flight.rows]
        return BestEpochs(tests)

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
        watch: Watch,
    ) -> None:
        """Saves the trained folds that have not diverged."""
        self._flights.save(saved, flight, state, self._config.optim.epochs, watch.going)

    def _finite(self, flight: Flight, heads: dict[str, np.ndarray]) -> np.ndarray:
        """Whether all that is predicted of the test clips of each fold is finite, bool [f]."""
        return finite_rows(heads["p"], self.folds.test.sizes[flight.rows])

    def _epochs(
        self,
        progress: Progress,
        log: ScalarLog | None = None,
        saved: checkpoint.FoldCheckpoints | None = None,
        every: bool = False,
    ) -> Epochs:
        count, run = self._config.optim.epochs, self.folds.run
        return Epochs(self._flights, count, progress, run, log, saved, every)

    def _training(self, folds: int) -> Progress:
        return self._progress("training", folds * self._config.optim.epochs, "fold·epoch")

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
