"""Which Action Units, or pairs of them, each clip shows."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Shaped

from ethnicmer_jax.base.schema import ActionUnit


@dataclasses.dataclass(frozen=True)
class CodedClips:
    """Clips with what was coded in them; n clips, k units.

    Attributes:
      units: AU numbers ascending (int), or pairs of them such as "6+12"; [k].
      present: whether the unit is coded, on either side and at any intensity.
      emotion, group: str.
      person: `database/subject`, str.
    """

    units: tuple[int, ...] | tuple[str, ...]
    present: Bool[np.ndarray, "clips units"]
    emotion: Shaped[np.ndarray, " clips"]
    group: Shaped[np.ndarray, " clips"]
    person: Shaped[np.ndarray, " clips"]

    @classmethod
    def of(
        cls,
        action_units: Sequence[Sequence[ActionUnit]],
        emotion: Collection[str],
        group: Collection[str],
        person: Collection[str],
    ) -> CodedClips:
        """Clips by column; all are equally long."""
        coded = [{unit.number for unit in units} for units in action_units]
        numbers = tuple(sorted(set().union(*coded)))
        present = np.array([[number in units for number in numbers] for units in coded], bool)
        columns = (np.asarray(column, str) for column in (emotion, group, person))
        return cls(numbers, present.reshape(len(coded), len(numbers)), *columns)

    def __len__(self) -> int:
        return len(self.person)

    def pairs(self) -> CodedClips:
        """The same clips with pairs of AUs for units: their prevalence is co-occurrence."""
        indices = list(itertools.combinations(range(len(self.units)), 2))
        first, second = np.array(indices, int).reshape(-1, 2).T
        names = tuple(f"{self.units[i]}+{self.units[j]}" for i, j in indices)
        both = self.present[:, first] & self.present[:, second]
        return dataclasses.replace(self, units=names, present=both)

    def select(self, mask: Bool[np.ndarray, " clips"]) -> CodedClips:
        """The clips where `mask` holds, with the same units."""
        rows = (column[mask] for column in (self.present, self.emotion, self.group, self.person))
        return CodedClips(self.units, *rows)

    def by_emotion(self) -> Iterator[tuple[str, CodedClips]]:
        """Each emotion, in alphabetical order, with its clips."""
        for emotion in np.unique(self.emotion):
            yield str(emotion), self.select(self.emotion == emotion)

    def per_person(
        self,
    ) -> tuple[
        Shaped[np.ndarray, " persons"],
        Float[np.ndarray, " persons"],
        Float[np.ndarray, "persons units"],
    ]:
        """The persons, sorted, the clips of each, and their clips with each unit."""
        persons, index = np.unique(self.person, return_inverse=True)
        member = (np.arange(len(persons))[:, None] == index).astype(np.float64)
        return persons, member.sum(axis=1), member @ self.present
