"""A habit of the field, to measure what it is worth: each fold's best epoch on its test clips.

Many published recognisers predict the held-out subject after every epoch and report the
predictions of the epoch with the best accuracy there. Of equally good epochs the last one
counts, as in the public code of HTNet (Wang et al. 2023, arXiv 2307.14637), which replaces the
best so far by one that is at least as good. Scores of such predictions say how well test clips
choose, beside how well a network recognises; see `base.reportable` for how they are marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int


class BestEpochs:
    """Of each of f folds, what was predicted after the epoch that its test clips like best."""

    def __init__(self, truth: Sequence[Int[np.ndarray, " test"]]):
        """Nothing is seen yet.

        Args:
          truth: the true classes of each fold's test clips, f arrays.
        """
        self._truth = truth
        self._most = np.full(len(truth), -1)
        self._best: dict[str, np.ndarray] = {}
        self._answers: list[np.ndarray] = []

    def see(self, heads: Mapping[str, np.ndarray]) -> None:
        """Looks at the predictions after one more epoch.

        Args:
          heads: "p" float32 [f, t, classes] and perhaps others [f, t, _]; of each fold, the rows
            that have a true class count.
        """
        answers = heads["p"].argmax(axis=-1)
        right = np.array(
            [
                np.count_nonzero(own[: len(truth)] == truth)
                for own, truth in zip(answers, self._truth, strict=True)
            ]
        )
        better = right >= self._most
        self._most = np.maximum(right, self._most)
        for head, values in heads.items():
            before = self._best.get(head, values)
            self._best[head] = np.where(better[:, None, None], values, before)
        self._answers.append(answers.astype(np.int16))

    @property
    def heads(self) -> dict[str, np.ndarray]:
        """The heads of each fold's best epoch; "answers": int16 [f, t, epochs], of all epochs."""
        return {**self._best, "answers": np.stack(self._answers, axis=-1)}
