"""What may be expected of models on people whom they have not seen: the recipe's held-out score."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from ethnicmer_jax.analysis.confusion import LABELS
from ethnicmer_jax.base import files, labels, sums
from ethnicmer_jax.base.run_id import INNER, RunId
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs import final_models


@dataclasses.dataclass(frozen=True)
class Score:
    """A pooled score over held-out clips.

    Attributes:
      mean: over the runs of an arm, in [0, 1]; None where it is undefined.
      low: lower end of the interval from resampling subjects.
      high: upper end.
      level: of the interval, such as .95.
      n_runs: seeds and draws that the mean is over.
    """

    mean: float | None
    low: float | None
    high: float | None
    level: float
    n_runs: int

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Score:
        """A score of metrics.json's summary.

        Raises:
          KeyError, TypeError, ValueError: it is something else.
        """
        ends = (
            None if end is None else float(end) for end in (values["mean"], *values["interval"])
        )
        mean, low, high = ends
        return cls(mean, low, high, float(values["level"]), int(values["n_runs"]))

    def __str__(self) -> str:
        return f"{labels.score(self.mean)} {labels.interval(self.low, self.high)}"


@dataclasses.dataclass(frozen=True)
class Expected:
    """Held-out scores of a recipe.

    Attributes:
      uf1: of the first arm; None where nobody was held out.
      uar: the same.
      arm: its name, such as "loso"; "" where nobody was held out.
      arms: arm -> "uf1", "uar" -> score, of all arms.
      note: what kind of estimate that is, one line.
    """

    uf1: Score | None
    uar: Score | None
    arm: str
    arms: Mapping[str, Mapping[str, Score]]
    note: str

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Expected:
        """From what `final_models.expected` gives.

        Raises:
          KeyError, TypeError, ValueError, AttributeError: it is something else.
        """
        arms = {
            arm: {name: Score.of(score) for name, score in scores.items()}
            for arm, scores in values["arms"].items()
            if RunId.parse(arm).job != INNER
        }
        arm = next(iter(arms), "")
        first = arms.get(arm, {})
        return cls(first.get("uf1"), first.get("uar"), arm, arms, values["note"])

    @classmethod
    def read(cls, directory: pathlib.Path, protocol: str) -> Expected:
        """What a finished work directory has recorded."""
        path = directory / "metrics.json"
        there = path.exists() or sums.is_lost(path)
        mend = "make it again with --mode=report"
        summary = files.read_json(path, mend).get("summary") if there else {}
        try:
            return cls.of(final_models.expected(protocol, summary))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UserError(f"{path} holds no metrics; make it again with --mode=report") from None

    def __str__(self) -> str:
        if not self.arms:
            return self.note
        shown = [
            f"{labels.run(arm)}: "
            + ", ".join(f"{LABELS[name]} {score}" for name, score in scores.items())
            for arm, scores in self.arms.items()
        ]
        level = next(iter(self.arms[self.arm].values())).level
        return f"{'; '.join(shown)} ({labels.percent(level)} intervals over subjects); {self.note}"
