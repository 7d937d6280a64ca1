"""Probes: how well a freshly trained classifier reads a label from features.

A probe says what features hold, whatever the network that made them was trained for
(Alain and Bengio, Understanding intermediate layers using linear classifier probes,
ICLR 2017 workshop). With the database as the label, it says how far a result on
ethnicity could be one on databases.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
from jaxtyping import Int, Real, Shaped
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ethnicmer_jax.analysis import intervals
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.analysis.intervals import Interval
from ethnicmer_jax.base.run_id import RunId
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.protocols.fold_table import FoldTable, from_rows

PROBES: Mapping[str, Callable[[], ClassifierMixin]] = {
    "logistic": lambda: LogisticRegression(C=1.0, class_weight="balanced", max_iter=1000),
    "svm": lambda: SVC(C=3.0, class_weight="balanced"),
}
"""A linear reader, and one with a Gaussian kernel; features are standardised for both."""


def balanced_accuracy(
    features: Real[np.ndarray, "clips ..."],
    labels: Int[np.ndarray, " clips"],
    persons: Shaped[np.ndarray, " clips"],
    *,
    kind: str = "logistic",
    n_splits: int = 5,
    seed: int = intervals.SEED,
    n_resamples: int = intervals.RESAMPLES,
) -> Interval:
    """How well a label is read from features that mean the same in every clip.

    Args:
      features: such as flow; flattened.
      labels: -1 for clips without one, which are left out.
      persons: "database/subject"; nobody is in training and test at once.
      kind: a key of PROBES.
      n_splits: folds of the cross-validation.
      seed: of the folds and of the bootstrap.
      n_resamples: of the subject-cluster bootstrap.

    Returns:
      The balanced accuracy over all clips; chance is 1 / number of labels.

    Raises:
      UserError: fewer than two labels occur, or there are fewer persons than folds.
    """
    known = labels >= 0
    flat, labels, persons = features[known].reshape(known.sum(), -1), labels[known], persons[known]
    if len(np.unique(persons)) < n_splits:
        raise UserError(f"a probe of {n_splits} folds needs {n_splits} persons or more")
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    held_out = [
        np.isin(np.arange(len(labels)), test) for _, test in splitter.split(flat, labels, persons)
    ]
    run = RunId(cell="probe", seed=seed)
    rows = ((run, str(number), ~test, test) for number, test in enumerate(held_out))
    return across_folds(
        itertools.repeat(flat, n_splits),
        labels,
        persons,
        from_rows(rows, len(labels)),
        kind=kind,
        seed=seed,
        n_resamples=n_resamples,
    )


def across_folds(
    features: Iterable[np.ndarray],
    labels: Int[np.ndarray, " clips"],
    persons: Shaped[np.ndarray, " clips"],
    folds: FoldTable,
    *,
    kind: str = "logistic",
    seed: int = intervals.SEED,
    n_resamples: int = intervals.RESAMPLES,
) -> Interval:
    """How well a label is read from the features of networks trained in folds.

    Features of different networks cannot be compared. So each fold has a probe of its
    own, trained on the clips that the network was trained on and tested on those that it
    was not; the decisions of a run are pooled.

    Args:
      features: for each row of `folds` in turn, its network's features of all clips,
        float [n, d], such as `Learner.features` gives.
      labels: -1 for clips without one, which are left out.
      persons: "database/subject".
      folds: f rows over the n clips.
      kind: a key of PROBES.
      seed: of the bootstrap.
      n_resamples: of the subject-cluster bootstrap.

    Returns:
      The balanced accuracy, averaged over runs; chance is 1 / number of labels.

    Raises:
      UserError: there is no such kind of probe, or a fold trains on fewer than two labels,
        or there are features of fewer networks than folds.
    """
    if kind not in PROBES:
        raise UserError(f"no probe is called {kind!r}: choose from {', '.join(PROBES)}")
    known = labels >= 0
    people = np.unique(persons[known])
    runs, run = np.unique(folds.run, return_inverse=True)
    run_of, person_of, truth, predicted = [], [], [], []
    for row, seen in _of_every_fold(features, folds):
        train, test = folds.train[row] & known, folds.test[row] & known
        if len(np.unique(labels[train])) < 2:
            raise UserError(f"the probe of fold {folds.name(row)} has fewer than two labels")
        probe = make_pipeline(StandardScaler(), PROBES[kind]())
        predicted.append(probe.fit(seen[train], labels[train]).predict(seen[test]))
        truth.append(labels[test])
        person_of.append(np.searchsorted(people, persons[test]))
        run_of.append(np.full(len(truth[-1]), run[row]))
    counts = Counts.of_answers(
        [str(name) for name in runs],
        people,
        [str(label) for label in range(int(labels.max()) + 1)],
        run=np.concatenate(run_of),
        person=np.concatenate(person_of),
        truth=np.concatenate(truth),
        predicted=np.concatenate(predicted),
    )
    return intervals.estimate([(1.0, counts)], "uar", n_resamples=n_resamples, seed=seed)


def _of_every_fold(
    features: Iterable[np.ndarray], folds: FoldTable
) -> Iterator[tuple[int, np.ndarray]]:
    """Each row of the folds with its features.

    Raises:
      UserError: some are missing; a score over some of the folds is none of the run.
    """
    given = 0
    for row, seen in enumerate(features):
        given += 1
        if given > len(folds):
            break
        yield row, seen
    if given != len(folds):
        last = folds.name(min(given, len(folds)) - 1) if given else "none"
        raise UserError(
            f"a probe of {len(folds)} folds needs the features of as many networks, in the same "
            f"order; got {given}, the last one for fold {last}"
        )
