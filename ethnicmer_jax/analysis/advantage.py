"""The own-group advantage: what it is worth to be trained on one's own group.

Models trained on either side of a contrast are tested on both. The advantage is the
mean over sides g of

    score(trained on g, tested on g) - score(trained on the other side, tested on g).

It is an interaction: how good a training set is in general, and how hard a side is to
recognise, cancel. Where displays are universal it is 0.

In cross-validation every pair of persons meets twice, each once in training and once in
test, and likeness works both ways. Resampling the persons as tests alone sees half of the
variance that comes from chance likeness, and nothing of how people are dealt into folds, so the
variance is multiplied by a factor that was fitted on simulated databases without an effect: see
`variance_factor`. The differences on the tests of one side are halves of the same quantity
and have factors of their own (`study.estimates`).
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Shaped

from ethnicmer_jax.analysis import intervals, variance_factor
from ethnicmer_jax.analysis.confusion import SCORES, mean_of_defined
from ethnicmer_jax.analysis.counts import Counts, databases
from ethnicmer_jax.analysis.intervals import Interval
from ethnicmer_jax.analysis.variance_factor import Factor
from ethnicmer_jax.base.contrast_roles import MAIN
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.run_id import crossed, mono, mono_side


@dataclasses.dataclass(frozen=True, kw_only=True)
class Advantage(Interval):
    """An own-group advantage, as a difference of scores.

    Attributes:
      sides: names of the two sides.
      per_side: the advantage on the tests of each side; `estimate` is their mean.
      per_draw: the advantage of each draw, averaged over sides and seeds, by draw
        number.
      factor: what the variance of resampled tests was multiplied by.
    """

    sides: tuple[str, str]
    per_side: tuple[float, float]
    per_draw: Float[np.ndarray, " draws"]
    factor: Factor


def own_group_advantage(
    predictions: Predictions,
    contrast: str = MAIN,
    score: str = "uf1",
    *,
    level: float = intervals.LEVEL,
    n_resamples: int = intervals.RESAMPLES,
    seed: int = intervals.SEED,
    classifier: str = "",
    factor: float | None = None,
) -> Advantage:
    """Estimates the own-group advantage of one contrast, averaged over draws and seeds.

    The interval resamples persons within sides and databases, the same ones in all
    cells, draws and seeds.

    Args:
      predictions: any runs. Those called `<contrast>.<cell>-draw<k>-seed<s>` count, in
        the cells `mono_<a>`, `mono_<b>`, `<a>_to_<b>` and `<b>_to_<a>`.
      contrast: which contrast.
      score: a key of `confusion.SCORES`.
      level: nominal coverage.
      n_resamples: how many resamples.
      seed: determines the resamples.
      classifier: whose variance factor the interval has: `variance_factor.classifier_of`.
      factor: another one, such as 1 for models of which nobody who is tested was a teacher.

    Raises:
      ValueError: the contrast has not two sides, or a draw lacks one of its cells.
    """
    runs = predictions.run_table.query("part == @contrast")
    sides = _sides(runs, contrast)
    square = _square(runs, sides)
    kept = predictions.select(predictions.table["run"].isin(square.to_numpy().ravel()))
    subjects = Counts.of(kept)
    rows = square.map({run: i for i, run in enumerate(kept.runs)}.get).to_numpy(int)

    def advantages(weights: np.ndarray) -> np.ndarray:
        """[resamples, draws and seeds, sides]."""
        (scores,) = subjects.run_scores(weights, SCORES[score])
        return scores[:, rows[:, :2]] - scores[:, rows[:, 2:]]

    strata = _strata(subjects, rows[:, :2])
    n_persons, n_strata = len(strata), len(np.unique(strata))
    weights = intervals.resample_weights(strata, n_resamples, np.random.default_rng(seed))
    resampled = mean_of_defined(mean_of_defined(advantages(weights).swapaxes(1, 2)))
    observed = advantages(np.ones((1, n_persons)))[0]
    per_side = mean_of_defined(observed.T)
    estimate = float(mean_of_defined(per_side))
    taken = _factor(factor, classifier, subjects, rows)
    interval = intervals.expanded_percentile(
        estimate,
        resampled,
        n_units=n_persons,
        n_strata=n_strata,
        level=level,
        design="paired",
        variance_factor=taken.value,
    )
    per_run = pd.Series(mean_of_defined(observed), index=square.index)
    return Advantage(
        **dataclasses.asdict(interval),
        sides=sides,
        per_side=(float(per_side[0]), float(per_side[1])),
        per_draw=per_run.groupby("draw").mean().to_numpy(),
        factor=taken,
    )


def _factor(
    given: float | None,
    classifier: str,
    subjects: Counts,
    rows: Int[np.ndarray, "draws_and_seeds cells"],
) -> Factor:
    """The variance factor of the smaller side; the given one where there is one."""
    if given is not None:
        return Factor(given)
    tested = [subjects.tested[rows[:, side]].any(axis=0).sum() for side in (0, 1)]
    return variance_factor.of(variance_factor.ADVANTAGE, classifier, float(min(tested)))


def _sides(runs: pd.DataFrame, contrast: str) -> tuple[str, str]:
    """The names of the sides, in order of first appearance."""
    sides = [side for side in map(mono_side, runs["cell"].unique()) if side]
    if len(sides) != 2:
        found = ", ".join(map(mono, sides)) or "none"
        raise ValueError(f"contrast {contrast!r} needs runs of two mono_ cells, found {found}")
    first, second = sides
    return first, second


def _square(runs: pd.DataFrame, sides: tuple[str, str]) -> pd.DataFrame:
    """Run ids by (draw, seed) and cell: own of both sides, then other of both sides."""
    a, b = sides
    cells = [mono(a), mono(b), crossed(b, a), crossed(a, b)]
    runs = runs[runs["cell"].isin(cells)]
    square = runs.pivot(index=["draw", "seed"], columns="cell", values="run")
    square = square.reindex(columns=cells)
    for cell in cells:
        lacking = square.index[square[cell].isna()]
        if len(lacking):
            draw, seed = lacking[0]
            raise ValueError(f"draw {draw}, seed {seed} has no run of the cell {cell}")
    return square


def _strata(
    subjects: Counts, own: Int[np.ndarray, "draws_and_seeds sides"]
) -> Shaped[np.ndarray, " persons"]:
    """A label for each person: which sides test them, and their database.

    Args:
      subjects: everybody.
      own: the runs that test either side.
    """
    tested = [subjects.tested[own[:, side]].any(axis=0) for side in (0, 1)]
    membership = (2 * tested[0] + tested[1]).astype(str)
    return np.char.add(np.char.add(membership, "/"), databases(subjects.persons))
