"""A fold is (run, train mask, test mask, seed); a study is a longer table of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Int, Shaped

from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.base.schema import UserError

FoldRow = tuple[RunId, str, Bool[np.ndarray, " clips"], Bool[np.ndarray, " clips"]]
"""Run, name of the fold, clips to train on, clips to test."""


@dataclasses.dataclass(frozen=True)
class FoldTable:
    """Rows of folds over one dataset.

    Attributes:
      run: str, what the test predictions of a row are pooled under: texts of `RunId`.
      fold: str, the held-out part, e.g. "samm-006"; unique within a run.
      train: the clips that a fold learns from.
      test: the clips that it predicts; disjoint from `train`.
      seed: the seed of the fold's random streams.
    """

    run: Shaped[np.ndarray, " folds"]
    fold: Shaped[np.ndarray, " folds"]
    train: Bool[np.ndarray, "folds clips"]
    test: Bool[np.ndarray, "folds clips"]
    seed: Int[np.ndarray, " folds"]

    def __len__(self) -> int:
        return len(self.run)

    @property
    def names(self) -> list[str]:
        """`run/fold` per row: a fold's identity, with its seed."""
        return [self.name(row) for row in range(len(self))]

    def name(self, row: int) -> str:
        """`run/fold` of one row."""
        return f"{self.run[row]}/{self.fold[row]}"

    def select(self, rows: np.ndarray | Sequence[int] | slice) -> FoldTable:
        """The table of some of the rows."""
        return FoldTable(
            self.run[rows], self.fold[rows], self.train[rows], self.test[rows], self.seed[rows]
        )

    def check(self) -> FoldTable:
        """Returns the table itself.

        Raises:
          UserError: it is empty, a name occurs twice, or a fold has nothing to
            learn from or to predict.
          ValueError: a clip is in both masks of a fold, which no protocol may do.
        """
        if not len(self):
            raise UserError("the protocol gives no fold at all; are there enough subjects?")
        names = self.names
        if len(set(names)) < len(names):
            raise ValueError("two rows of the fold table share run and fold")
        if (self.train & self.test).any():
            row = int(np.argmax((self.train & self.test).any(1)))
            raise ValueError(f"fold {names[row]} tests on clips that it trains on")
        for what, mask in (("learn from", self.train), ("predict", self.test)):
            if not mask.any(1).all():
                row = int(np.argmin(mask.any(1)))
                raise UserError(f"fold {names[row]} has no clip to {what}")
        return self

    @classmethod
    def concatenate(cls, tables: Sequence[FoldTable]) -> FoldTable:
        """One table after the other; they must cover the same clips."""
        fields = (f.name for f in dataclasses.fields(cls))
        return cls(*(np.concatenate([getattr(t, name) for t in tables]) for name in fields))


def from_rows(rows: Iterable[FoldRow], n: int) -> FoldTable:
    """A table of folds over n clips; a fold has the seed of its run."""
    rows = list(rows)
    if not rows:
        empty = np.zeros((0, n), bool)
        return FoldTable(np.zeros(0, str), np.zeros(0, str), empty, empty, np.zeros(0, np.int64))
    run, fold, train, test = zip(*rows, strict=True)
    seed = np.array([one.seed for one in run], np.int64)
    texts = np.array([str(one) for one in run])
    return FoldTable(texts, np.asarray(fold), np.stack(train), np.stack(test), seed)


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
    units = np.unique(unit[clips])
    if len(np.unique(unit[clips | pool])) < 2:
        raise UserError(f"run {run}: leaving one out needs at least two, found {list(units)}")

    names = [str(name).replace("/", "-") for name in units]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UserError(f"two subjects share the fold name {min(twice)}; rename one of them")

    def rows() -> Iterator[FoldRow]:
        for held_out, name in zip(units, names, strict=True):
            held = unit == held_out
            yield run, name, pool & ~held, clips & held

    return from_rows(rows(), len(unit))
