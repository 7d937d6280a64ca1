"""Folds whose training diverged: how they are named, and the error that ends their job.

A fold diverges where its training loss is no finite number, where it is many times that of
guessing (`optim.divergence`), or where its predictions are no finite numbers. Its result is not
kept. The results of the other folds are, and scores that are pooled over folds wait until none is
missing: without the folds that were hardest to train they would be another quantity.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ethnicmer_jax.base.schema import UserError

_SHOWN = 3
"""Folds that the message names; diverged.json has all of them."""


@dataclasses.dataclass(frozen=True)
class Divergence:
    """One fold that diverged.

    Attributes:
      run: its run.
      fold: its name within the run.
      subjects: "database/subject" of whom it tests; none of a final model.
      epoch: after how many epochs it was seen; 0 for a classifier without epochs.
      loss: mean training loss of that epoch; NaN where there is none.
      reason: why it counts as diverged, in a few words.
    """

    run: str
    fold: str
    subjects: tuple[str, ...]
    epoch: int
    loss: float
    reason: str

    @property
    def name(self) -> str:
        """`run/fold`, as in `FoldTable.name`."""
        return f"{self.run}/{self.fold}"

    @property
    def tested(self) -> str:
        """Whom it tests, in a few words."""
        if not self.subjects:
            return "a final model"
        more = f" and {len(self.subjects) - 1:,} more" if len(self.subjects) > 1 else ""
        return f"subject {self.subjects[0]}{more}"

    def __str__(self) -> str:
        epoch = f", epoch {self.epoch}, loss {self.loss_text}" if self.epoch else ""
        return f"{self.name} ({self.tested}{epoch}: {self.reason})"

    @property
    def loss_text(self) -> str:
        """`4.9e+13`, `inf`, `nan`; "" for a classifier without epochs."""
        return f"{self.loss:.3g}" if self.epoch else ""

    def plain(self) -> dict[str, Any]:
        """As JSON has it, which knows no infinity and no NaN: those are text."""
        loss = self.loss if math.isfinite(self.loss) else str(self.loss)
        return {**dataclasses.asdict(self), "subjects": list(self.subjects), "loss": loss}

    @classmethod
    def of_plain(cls, values: Mapping[str, Any]) -> Divergence:
        """The inverse of `plain`.

        Raises:
          KeyError, TypeError, ValueError: these are other values.
        """
        return cls(
            str(values["run"]),
            str(values["fold"]),
            tuple(map(str, values["subjects"])),
            int(values["epoch"]),
            float(values["loss"]),
            str(values["reason"]),
        )


class DivergedError(UserError):
    """Some folds diverged; all others of the job are trained and kept.

    Attributes:
      folds: those that diverged.
      planned: how many there are to train in all.
    """

    exit_code = 3

    def __init__(self, folds: Sequence[Divergence], planned: int):
        """See the attributes."""
        self.folds, self.planned = tuple(folds), planned
        super().__init__(self.message)

    def __reduce__(self) -> tuple[type[DivergedError], tuple[Sequence[Divergence], int]]:
        return type(self), (self.folds, self.planned)

    @property
    def message(self) -> str:
        """One line for a terminal."""
        shown = "; ".join(map(str, self.folds[:_SHOWN]))
        more = f"; and {len(self.folds) - _SHOWN} more" if len(self.folds) > _SHOWN else ""
        return (
            f"{len(self.folds):,} of {self.planned:,} folds diverged: {shown}{more}. No pooled "
            "score is reported without them. The same command trains them again, and only them; "
            "try a lower optim.learning_rate in another work directory"
        )
