"""Final models: trained on everybody, tested on nobody, to be used on clips of other people.

They are rows of the fold table like all others, one for each seed, with nothing to test: no
prediction of theirs can enter a score. What may be expected of them is what the held-out folds of
the same recipe reach (Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning",
section 7.10: cross-validation estimates the error of the procedure, not of one model).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from ethnicmer_jax.base.run_id import EVERYBODY, FINAL, RunId
from ethnicmer_jax.protocols.fold_table import FoldTable, from_rows
from ethnicmer_jax.protocols.request import Layout, Request


def layout(request: Request, clips: Bool[np.ndarray, " clips"]) -> Layout:
    """One row for each seed, and what a reader of the results has to know of them.

    Args:
      request: of the protocol.
      clips: those that the final models learn from.
    """
    n = len(clips)
    rows = [
        (RunId(job=FINAL, cell=EVERYBODY, seed=seed), EVERYBODY, clips, np.zeros(n, bool))
        for seed in request.seeds
    ]
    subjects = len(np.unique(request.dataset.person[clips]))
    models = "1 final model" if len(rows) == 1 else f"{len(rows)} final models"
    note = (
        f"{models} of all {clips.sum()} clips of {subjects} subjects; "
        "no score knows of them, as nobody is left to test them on"
    )
    return Layout([from_rows(rows, n)], [note])


def everybody(request: Request) -> Layout:
    """The protocol `all`: final models alone."""
    return layout(request, request.clips)


def beside(request: Request, folds: FoldTable) -> Layout:
    """Final models beside the folds of a protocol.

    They learn from every clip that some fold uses. Draws leave out subjects for the sake of the
    comparison; final models have no reason to, and learn from all clips.
    """
    if request.protocol.name == "draws":
        return everybody(request)
    return layout(request, folds.train.union() | folds.test.union())
