"""A fold is (run, clips to train on, clips to test, seed); a study is a longer table of them."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Int, Shaped

from ethnicmer_jax.base.run_id import FINAL, RunId
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols.clip_sets import ClipSets, Collector

FoldRow = tuple[RunId, str, Bool[np.ndarray, " clips"], Bool[np.ndarray, " clips"]]
"""Run, name of the fold, clips to train on, clips to test."""


@dataclasses.dataclass(frozen=True)
class FoldTable:
    """Rows of folds over one dataset.

    Attributes:
      run: str, what the test predictions of a row are pooled under: texts of `RunId`.
      fold: str, the held-out part, e.g. "samm-006"; unique within a run.
      train: the clips that a fold learns from; `train[row]` is a mask over all clips.
      test: the clips that it predicts; disjoint from `train`.
      seed: the seed of the fold's random streams.

    Raises:
      ValueError: the columns differ in length, or the sets in their clips.
    """

    run: Shaped[np.ndarray, " folds"]
    fold: Shaped[np.ndarray, " folds"]
    train: ClipSets
    test: ClipSets
    seed: Int[np.ndarray, " folds"]

    def __post_init__(self) -> None:
        columns = (getattr(self, field.name) for field in dataclasses.fields(self))
        if len(set(map(len, columns))) > 1 or self.train.n != self.test.n:
            raise ValueError("the columns of a fold table differ in length, or in their clips")

    def __len__(self) -> int:
        return len(self.run)

    @property
    def names(self) -> list[str]:
        """`run/fold` per row: a fold's identity, with its seed."""
        return [self.name(row) for row in range(len(self))]

    @property
    def tested(self) -> Int[np.ndarray, " rows"]:
        """The rows that predict anything: all but final models."""
        return np.flatnonzero(self.test.sizes)

    def name(self, row: int) -> str:
        """`run/fold` of one row."""
        return f"{self.run[row]}/{self.fold[row]}"

    def select(self, rows: np.ndarray | Sequence[int] | slice) -> FoldTable:
        """The table of some of the rows."""
        sets = self.train.select(rows), self.test.select(rows)
        return FoldTable(self.run[rows], self.fold[rows], *sets, self.seed[rows])

    def under(self, run: RunId) -> FoldTable:
        """The same folds as another run, with its seed."""
        texts = np.full(len(self), str(run))
        return dataclasses.replace(self, run=texts, seed=np.full(len(self), run.seed, np.int64))

    def check(self) -> FoldTable:
        """Returns the table itself.

        Raises:
          UserError: it is empty, a name occurs twice, or a fold has nothing to
            learn from or to predict; final models predict nothing.
          ValueError: a clip is in both sets of a fold, which no protocol may do.
        """
        if not len(self):
            raise UserError("the protocol gives no fold at all; are there enough subjects?")
        names = self.names
        if len(set(names)) < len(names):
            raise ValueError("two rows of the fold table share run and fold")
        checked: set[tuple[bytes, bytes]] = set()
        for row, pair in enumerate(zip(self.train.codes, self.test.codes, strict=True)):
            if pair not in checked and (self.train[row] & self.test[row]).any():
                raise ValueError(f"fold {names[row]} tests on clips that it trains on")
            checked.add(pair)
        for what, sets in (("learn from", self.train), ("predict", self.test)):
            for row in np.flatnonzero(sets.sizes == 0).tolist():
                if sets is self.train or RunId.parse(str(self.run[row])).job != FINAL:
                    raise UserError(f"fold {names[row]} has no clip to {what}")
        return self

    @classmethod
    def concatenate(cls, tables: Sequence[FoldTable]) -> FoldTable:
        """One table after the other; they must cover the same clips."""
        columns = [[getattr(t, f.name) for t in tables] for f in dataclasses.fields(cls)]
        run, fold, train, test, seed = columns
        sets = ClipSets.concatenate(train), ClipSets.concatenate(test)
        return cls(np.concatenate(run), np.concatenate(fold), *sets, np.concatenate(seed))


def from_rows(rows: Iterable[FoldRow], n: int) -> FoldTable:
    """A table of folds over n clips, read one by one; a fold has the seed of its run."""
    names, train, test = list[tuple[str, str, int | None]](), Collector(n), Collector(n)
    for run, fold, learnt, held_out in rows:
        names.append((str(run), fold, run.seed))
        train.add(learnt)
        test.add(held_out)
    runs, folds, seeds = zip(*names, strict=True) if names else ((), (), ())
    return FoldTable(
        np.asarray(runs, np.str_),
        np.asarray(folds, np.str_),
        train.sets(),
        test.sets(),
        np.asarray(seeds, np.int64),
    )


def leave_one_out(
    run: RunId,
    unit: Shaped[np.ndarray, " clips"],
    clips: Bool[np.ndarray, " clips"],
    train: Bool[np.ndarray, " clips"] | None = None,
) -> FoldTable:
    """Holds out one unit after the other: LOSO for persons, LODO for databases.

    Args:
      run: of all rows; it has a seed.
      unit: what a clip belongs to, e.g. "samm/006" or "samm".
      clips: the clips that are tested, each in the fold of its unit.
      train: the pool to learn from (less the unit held out); by default `clips`. Another
        pool with the same tests is a cell of the train x test matrix.

    Returns:
      One row per unit of `clips`, in sorted order.

    Raises:
      UserError: fewer than two units, or two whose names coincide once / is -.
    """
    pool = clips if train is None else train
    # Numbers of units are compared a hundred times faster than their names.
    used, unit_of = clips | pool, np.full(len(unit), -1)
    units, unit_of[used] = np.unique(unit[used], return_inverse=True)
    tested = np.unique(unit_of[clips])
    if len(units) < 2:
        found = next(iter(units), "none")
        raise UserError(f"run {run}: leaving one out needs at least two, found {found}")

    names = [str(units[number]).replace("/", "-") for number in tested]
    twice = [name for name, count in collections.Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"two subjects share the fold name {min(twice)}; rename one of them")

    def rows() -> Iterator[FoldRow]:
        for held_out, name in zip(tested, names, strict=True):
            held = unit_of == held_out
            yield run, name, pool & ~held, clips & held

    return from_rows(rows(), len(unit))
