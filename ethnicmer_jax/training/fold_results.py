"""Per-fold result files, until all folds are there and become predictions.csv.

They make a run resumable: a fold whose result is there is not trained again. In a
distributed job they are how the first process learns of the folds of the others, and of those
that diverged there: these leave a file that the end of the job removes, and are trained again.
"""

from __future__ import annotations

import hashlib
import pathlib
import shutil
import time
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import pandas as pd

from ethnicmer_jax.base import files, reportable, sums, waiting
from ethnicmer_jax.base.divergence import Divergence
from ethnicmer_jax.base.predictions import ANSWERS, Predictions
from ethnicmer_jax.base.schema import ETHNICITIES, UserError
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.data.targets import Targets
from ethnicmer_jax.protocols.fold_table import FoldTable

_HEADS = ("p", "q", "answers")
_DIVERGED = "*.diverged.json"
_PATIENCE = 600.0
"""Seconds in which a process that has been started again begins to train."""


class FoldResults:
    """The results of finished folds, in a folder or (without one) in memory."""

    def __init__(
        self,
        folder: pathlib.Path | None,
        folds: FoldTable | None = None,
        share: tuple[int, int] = (0, 1),
    ):
        """Reads what is there; what is damaged is set aside, so that its folds are trained again.

        Args:
          folder: of the files; it need not exist.
          folds: what the results are of; None where they are not used.
          share: index of this process among those that share the folds, and their number.
        """
        self._folder, (self._index, self._count) = folder, share
        if folder is not None and self._count > 1:
            # It would be of an earlier life of this process.
            self._share(self._index).unlink(missing_ok=True)
        tested = {} if folds is None else dict(zip(folds.names, folds.test.sizes, strict=True))
        self._tested: Mapping[str, int] = tested
        self._done: dict[str, dict[str, np.ndarray]] = {}
        self._diverged: dict[str, Divergence] = {}
        self._files: set[pathlib.Path] = set()
        # Of an earlier start of this job, which was cut off before its end.
        self._past = {path: _stamp(path) for path in self._marks()}
        self._read_new()

    @property
    def done(self) -> Set[str]:
        """Names of the finished folds; a view, as there may be tens of thousands."""
        return self._done.keys()

    def add(self, names: list[str], n_test: np.ndarray, heads: dict[str, np.ndarray]) -> None:
        """Records finished folds.

        Args:
          names: f fold names.
          n_test: int [f], test clips of each.
          heads: "p" float32 [f, t, classes], perhaps "q" [f, t, ethnicities] and "answers" int
            [f, t, epochs] (see `peeking`); rows from `n_test` on mean nothing.
        """
        if self._folder is not None:
            path = self._folder / f"{_digest(names)}.npz"
            arrays = {"names": np.asarray(names), "n_test": n_test, **heads}
            files.write_arrays(path, summed=True, **arrays)
            self._files.add(path)
        self._add(names, n_test, heads)

    def diverge(self, folds: Sequence[Divergence]) -> None:
        """Records folds that have no result, as their training diverged."""
        if folds and self._folder is not None:
            path = self._folder / f"{_digest([one.name for one in folds])}.diverged.json"
            files.write_json(path, [one.plain() for one in folds])
        self._diverged |= {one.name: one for one in folds}

    def take_diverged(self, names: Sequence[str]) -> list[Divergence]:
        """Those of some folds that have no result as they diverged; their files are removed.

        Called once all folds are finished, by the process that has waited for all of them.
        """
        for path in self._marks():
            path.unlink(missing_ok=True)
        missing = (name for name in names if name not in self._done)
        return [self._diverged[name] for name in missing if name in self._diverged]

    def finish_share(self) -> None:
        """Tells the process that waits for the results of this one that all are there."""
        if self._folder is not None and self._count > 1:
            files.write_text(self._share(self._index), "")

    def wait_for(self, names: Sequence[str]) -> None:
        """Reads on until all processes have written the results of all these folds.

        Every second it looks at one file of each process, however many folds there are.

        Raises:
          UserError: all have finished, and results are missing.
        """

        def finished() -> bool:
            return all(name in self._done or name in self._diverged for name in names)

        if finished():
            return
        shares = [self._share(index) for index in range(self._count)]
        seen: list[int] | None = None
        since = time.monotonic()

        def there() -> bool:
            nonlocal seen, since
            try:
                times = [share.stat().st_mtime_ns for share in shares]
            except FileNotFoundError:
                return False
            if times == seen:
                # One may be of an earlier life, whose process is not here yet.
                if time.monotonic() - since > _PATIENCE:
                    left = [name for name in names if name not in self._done]
                    raise UserError(
                        f"{self._folder} lacks results of {len(left)} folds, such as {left[0]}, "
                        "that all processes have finished; start the same command again, which "
                        "trains them"
                    )
                return False
            seen, since = times, time.monotonic()
            self._read_new()
            return finished()

        waiting.until(there)

    def _share(self, index: int) -> pathlib.Path:
        """The file that says that a process has finished its share."""
        assert self._folder is not None, "processes meet in a folder"
        return self._folder / f"share-{index}-of-{self._count}.done"

    def predictions(
        self, folds: FoldTable, dataset: Dataset, targets: Targets
    ) -> Predictions | None:
        """The table of predictions, in the order of the fold table and of the dataset.

        None where no fold tests anything.
        """
        if not len(folds.tested):
            return None
        columns: dict[str, list] = {"run": [], "fold": []}
        clips = []
        heads: dict[str, list[np.ndarray]] = {head: [] for head in _HEADS}
        for row in folds.tested.tolist():
            test = folds.test.clips(row)
            clips.append(test)
            columns["run"] += [folds.run[row]] * len(test)
            columns["fold"] += [folds.fold[row]] * len(test)
            for head, values in self._done[folds.name(row)].items():
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
        for head, classes in names.items():
            if heads[head]:
                values = np.concatenate(heads[head])
                columns |= {f"{head}_{n}": values[:, i] for i, n in enumerate(classes)}
        columns |= _peeked(heads["answers"])
        return Predictions.from_table(pd.DataFrame(columns))

    def clear(self) -> None:
        """Removes the files; predictions.csv holds all of it by now."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _read_new(self) -> None:
        """Reads the files that have not been read yet; none changes once it is there."""
        if self._folder is None:
            return
        new = set(self._folder.glob("*.npz")) - self._files
        self._files |= new
        for path in sorted(new):
            try:
                arrays = files.read_arrays(path)
                self._check(path, arrays)
            except FileNotFoundError:  # another process has set it aside
                continue
            except sums.DamagedError:
                sums.set_aside(path, "its folds are trained again")
                self._files.discard(path)
                continue
            heads = {head: arrays[head] for head in _HEADS if head in arrays}
            self._add(list(arrays["names"]), arrays["n_test"], heads)
        for path in self._marks():
            if _stamp(path) != self._past.get(path):
                told = map(Divergence.of_plain, files.read_json(path, kind=list))
                self._diverged |= {one.name: one for one in told}

    def _marks(self) -> list[pathlib.Path]:
        """The files of folds that diverged."""
        return [] if self._folder is None else sorted(self._folder.glob(_DIVERGED))

    def _check(self, path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
        """Refuses arrays that are no results of these folds."""
        try:
            names, n_test = arrays["names"], arrays["n_test"]
            heads = [arrays[head] for head in _HEADS if head in arrays]
            fits = "p" in arrays and names.ndim == n_test.ndim == 1 and len(names) == len(n_test)
            for head in heads:
                fits = fits and head.ndim == 3 and len(head) == len(names)
                fits = fits and head.dtype.kind in "fiu" and head.shape[1] >= n_test.max(initial=0)
            wanted = [self._tested.get(str(name), n) for name, n in zip(names, n_test, strict=True)]
            fits = fits and wanted == n_test.tolist()
        except (KeyError, ValueError, TypeError):
            fits = False
        if not fits:
            raise sums.DamagedError(path, "holds no results of these folds", sums.BRING_BACK)

    def _add(
        self, names: Sequence[str], n_test: np.ndarray, heads: Mapping[str, np.ndarray]
    ) -> None:
        for row, name in enumerate(names):
            own = {h: v[row, : n_test[row]] for h, v in heads.items()}
            # Earlier versions kept what diverged: it is trained again.
            if np.isfinite(own["p"]).all():
                self._done[str(name)] = own


def _digest(names: Sequence[str]) -> str:
    """A file's name: a process must not write over the results of another one's folds."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _stamp(path: pathlib.Path) -> int | None:
    """When a file was written; None where another process has removed it."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _peeked(answers: Sequence[np.ndarray]) -> dict[str, Any]:
    """The columns of a job that looked at its test clips after every epoch; none of others."""
    if not answers:
        return {}
    texts = [" ".join(map(str, row)) for block in answers for row in block.tolist()]
    return {ANSWERS: texts, reportable.COLUMN: reportable.REASON}
