"""Predictions of invented people, and their intervals, for the tests of statistics."""

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import intervals
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.base.predictions import Predictions

CLASSES = ("negative", "positive", "surprise")


def make(person, truth, predicted, run="r", database="samm", ethnicity="Asian"):
    n = len(truth)
    p = np.full((n, 3), 0.1)
    p[np.arange(n), predicted] = 0.8
    return Predictions.from_table(
        pd.DataFrame(
            {
                "run": run,
                "fold": "f",
                "database": database,
                "subject": np.asarray(person).astype(str),
                "clip": np.arange(n).astype(str),
                "emotion": np.array(CLASSES)[truth],
                "ethnicity": ethnicity,
                **{f"p_{name}": p[:, i] for i, name in enumerate(CLASSES)},
            }
        )
    )


def simulate(rng, n_persons, sd=0.8, shift=0.0):
    """(person, truth, predicted): skewed clip counts and classes, able and less able persons."""
    clips = 1 + rng.negative_binomial(1.2, 0.2, n_persons)
    person = np.repeat(np.arange(n_persons), clips)
    mix = rng.dirichlet(np.array([0.68, 0.2, 0.12]) * 3, n_persons).cumsum(1)
    truth = (rng.random(len(person))[:, None] > mix[person]).sum(1).clip(0, 2)
    logit = np.array([1.8, 0.7, 0.5])[truth] + rng.normal(0, sd, n_persons)[person] + shift
    right = rng.random(len(person)) < 1 / (1 + np.exp(-logit))
    return person, truth, np.where(right, truth, (truth + rng.integers(1, 3, len(truth))) % 3)


def join(*parts):
    return Predictions.from_table(pd.concat([part.table for part in parts]))


def score_interval(made, score="uf1", **how):
    return intervals.estimate([(1.0, Counts.of(made))], score, **how)


def difference(a, b, **how):
    return intervals.difference(Counts.of(a), Counts.of(b), **how)
