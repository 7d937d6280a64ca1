"""What finished folds leave behind until all are done: small files, whole or absent.

They make a run resumable: a fold whose result is there is not trained again. When
the last one is there, they become predictions.csv.
"""

from __future__ import annotations

import pathlib
import shutil
import time
import zlib
from collections.abc import Set

import numpy as np
import pandas as pd

from ethnicmer_jax.base import files
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import ETHNICITIES
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.protocols.fold_table import FoldTable


class FoldResults:
    """The results of finished folds, in a folder or (without one) in memory."""

    def __init__(self, folder: pathlib.Path | None):
        """Reads what is there."""
        self._folder = folder
        self._done: dict[str, dict[str, np.ndarray]] = {}
        self._read()

    @property
    def done(self) -> Set[str]:
        """Names of the finished folds; a view, as there may be tens of thousands."""
        return self._done.keys()

    def add(self, names: list[str], n_test: np.ndarray, heads: dict[str, np.ndarray]) -> None:
        """Records finished folds.

        Args:
          names: f fold names.
          n_test: int [f], test clips of each.
          heads: "p" float32 [f, t, classes] and perhaps "q" [f, t, ethnicities]; rows
            from `n_test` on mean nothing.
        """
        if self._folder is not None:
            path = self._folder / f"{zlib.crc32(' '.join(names).encode()):08x}.npz"
            files.write_arrays(path, names=np.asarray(names), n_test=n_test, **heads)
        self._add(names, n_test, heads)

    def wait_for(self, names: list[str], seconds: float = 1.0) -> None:
        """Reads on until other processes have written the results of all these folds."""
        while not set(names) <= self.done:
            time.sleep(seconds)
            self._read()

    def predictions(self, folds: FoldTable, dataset: Dataset, targets: Targets) -> Predictions:
        """The table of predictions, in the order of the fold table and of the dataset."""
        columns: dict[str, list] = {"run": [], "fold": []}
        clips, heads = [], {"p": [], "q": []}
        for row, name in enumerate(folds.names):
            test = np.flatnonzero(folds.test[row])
            clips.append(test)
            columns["run"] += [folds.run[row]] * len(test)
            columns["fold"] += [folds.fold[row]] * len(test)
            for head, values in self._done[name].items():
                heads[head].append(values)
        clips = np.concatenate(clips)
        columns |= {
            "database": dataset.database[clips],
            "subject": dataset.subject[clips],
            "clip": dataset.clip[clips],
            "emotion": np.asarray(targets.emotion_names)[targets.emotion[clips]],
            "ethnicity": np.asarray(ETHNICITIES)[dataset.ethnicity[clips]],
        }
        names = {"p": targets.emotion_names, "q": targets.ethnic_names}
        for head, blocks in heads.items():
            if blocks:
                values = np.concatenate(blocks)
                columns |= {f"{head}_{n}": values[:, i] for i, n in enumerate(names[head])}
        return Predictions.from_table(pd.DataFrame(columns))

    def clear(self) -> None:
        """Removes the files; predictions.csv holds all of it by now."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self) -> None:
        folder = self._folder
        for path in sorted(folder.glob("*.npz")) if folder and folder.is_dir() else ():
            with np.load(path, allow_pickle=False) as arrays:
                self._add(
                    list(arrays["names"]),
                    arrays["n_test"],
                    {head: arrays[head] for head in ("p", "q") if head in arrays},
                )

    def _add(self, names, n_test, heads) -> None:
        for row, name in enumerate(names):
            self._done[str(name)] = {h: v[row, : n_test[row]] for h, v in heads.items()}
