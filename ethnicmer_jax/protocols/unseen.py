"""Classes that a fold never learns: said before training, which cannot mend it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool

from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.protocols.fold_table import FoldTable

_NAMED = 3


def unseen_classes(
    folds: FoldTable, dataset: Dataset, clips: Bool[np.ndarray, " clips"]
) -> Iterator[str]:
    """A sentence for each class that a training fold has no clip of.

    Args:
      folds: over the clips of `dataset`.
      dataset: n clips under a class scheme.
      clips: those that take part. A class that none of them has is no fold's fault.
    """
    sets, names = (folds.train, folds.test), dataset.emotion_names
    learned, tested = (part.counts(dataset.emotion, len(names)) > 0 for part in sets)
    for index in np.unique(dataset.emotion[clips]):
        lacking = np.flatnonzero(~learned[:, index])
        if not len(lacking):
            continue
        named = ", ".join(folds.name(int(row)) for row in lacking[:_NAMED])
        more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
        yield (
            f"class {names[index]} is in no training clip of {len(lacking)} of {len(folds)} folds, "
            f"which cannot learn it; {tested[lacking, index].sum()} of them test it: {named}{more}"
        )
