"""Sets of clips, compressed: what folds train on and test, in memory that the data allow.

A mask over the clips for every fold would take folds × clips bytes: with 2,000 subjects,
20,000 clips and 5 seeds 400 MB. Sets of one protocol are much alike (whole subjects of a
sorted dataset, the same ones for every seed), so that their compressed bits take some
hundred bytes each, and equal sets are held once. A mask is made when it is asked for.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Int

Rows: TypeAlias = int | np.integer | Sequence[int] | np.ndarray | slice
"""One row, or several by their numbers or by a boolean mask over all rows."""

_FAST = 1
"""The level of compression: higher ones take longer for few bytes less."""


@dataclasses.dataclass(frozen=True, eq=False)
class ClipSets:
    """Sets of the same n clips, one for each of f folds; made by `of`.

    Attributes:
      n: clips that a set may hold.
      codes: f compressed sets; equal ones are one object.
      sizes: clips in each set.
    """

    n: int
    codes: tuple[bytes, ...]
    sizes: Int[np.ndarray, " folds"]

    @classmethod
    def of(cls, masks: Iterable[Bool[np.ndarray, " clips"]], n: int) -> ClipSets:
        """The sets of masks over n clips, which are read one by one.

        Raises:
          ValueError: a mask is not over n clips.
        """
        collected = Collector(n)
        for mask in masks:
            collected.add(mask)
        return collected.sets()

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Rows) -> Bool[np.ndarray, "*_ clips"]:
        """The mask of one row [n], or those of several [m, n], made for the caller alone."""
        if isinstance(rows, int | np.integer):
            return self._mask(self.codes[rows])
        return self.select(rows).dense()

    def __iter__(self) -> Iterator[Bool[np.ndarray, " clips"]]:
        """The masks, one after the other."""
        return map(self._mask, self.codes)

    def clips(self, row: int | np.integer) -> Int[np.ndarray, " _"]:
        """The clips of one row, in order."""
        return np.flatnonzero(self[row])

    def select(self, rows: Sequence[int] | np.ndarray | slice) -> ClipSets:
        """The sets of some of the rows: their numbers, or a boolean mask over all rows."""
        few = not isinstance(rows, slice) and not len(rows)
        numbers = np.arange(len(self))[np.zeros(0, int) if few else rows]
        codes = tuple(self.codes[row] for row in numbers)
        return ClipSets(self.n, codes, self.sizes[numbers])

    def union(self) -> Bool[np.ndarray, " clips"]:
        """The clips that are in any of the sets."""
        found = np.zeros(self.n, bool)
        for code in set(self.codes):
            found |= self._mask(code)
        return found

    def counts(
        self, labels: Int[np.ndarray, " clips"], classes: int
    ) -> Int[np.ndarray, "folds {classes}"]:
        """How many clips of each class a set holds; labels outside [0, classes) are none."""
        known = (labels >= 0) & (labels < classes)
        of_code = {
            code: np.bincount(labels[self._mask(code) & known], minlength=classes)
            for code in set(self.codes)
        }
        rows = [of_code[code] for code in self.codes]
        return np.asarray(rows, np.int64).reshape(len(self), classes)

    def placed(self, clips: Int[np.ndarray, " _"], n: int) -> ClipSets:
        """The same sets of other clips.

        Args:
          clips: int [n of before], what a clip is called now; -1 where it is left out.
          n: clips there are now.
        """
        kept = clips >= 0

        def moved(code: bytes) -> Bool[np.ndarray, " clips"]:
            mask = np.zeros(n, bool)
            mask[clips[self._mask(code) & kept]] = True
            return mask

        distinct = list(dict.fromkeys(self.codes))
        new = ClipSets.of(map(moved, distinct), n)
        row_of = {code: row for row, code in enumerate(distinct)}
        return new.select([row_of[code] for code in self.codes])

    def dense(self) -> Bool[np.ndarray, "folds clips"]:
        """All masks at once, in folds × clips bytes: for the folds of one flight."""
        return np.stack(list(self)) if len(self) else np.zeros((0, self.n), bool)

    @classmethod
    def concatenate(cls, parts: Sequence[ClipSets]) -> ClipSets:
        """The sets of one part after those of the other; equal ones are held once.

        Raises:
          ValueError: the parts are over different numbers of clips.
        """
        if len({part.n for part in parts}) != 1:
            raise ValueError("sets over different clips cannot be joined")
        seen: dict[bytes, bytes] = {}
        codes = tuple(seen.setdefault(code, code) for part in parts for code in part.codes)
        return cls(parts[0].n, codes, np.concatenate([part.sizes for part in parts]))

    def _mask(self, code: bytes) -> Bool[np.ndarray, " clips"]:
        packed = np.frombuffer(zlib.decompress(code), np.uint8)
        return np.unpackbits(packed, count=self.n).view(bool)


class Collector:
    """Makes `ClipSets` of masks that come one by one."""

    def __init__(self, n: int):
        """Nothing yet.

        Args:
          n: clips that a mask is over.
        """
        self._n = n
        self._codes: list[bytes] = []
        self._sizes: list[int] = []
        self._seen: dict[bytes, bytes] = {}

    def add(self, mask: Bool[np.ndarray, " clips"]) -> None:
        """Takes the next mask, which may be changed afterwards.

        Raises:
          ValueError: it is not over so many clips.
        """
        if mask.shape != (self._n,):
            raise ValueError(f"a mask has the shape {mask.shape} and not ({self._n},)")
        code = zlib.compress(np.packbits(mask).tobytes(), _FAST)
        self._codes.append(self._seen.setdefault(code, code))
        self._sizes.append(int(np.count_nonzero(mask)))

    def sets(self) -> ClipSets:
        """All that were added, in order."""
        return ClipSets(self._n, tuple(self._codes), np.asarray(self._sizes, np.int64))
