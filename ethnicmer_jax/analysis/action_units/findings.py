"""The Action Units of a study's clips by group: prevalence, tests, and what they show."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

import pandas as pd

from ethnicmer_jax.analysis import effects
from ethnicmer_jax.analysis.action_units.coding import CodedClips
from ethnicmer_jax.analysis.action_units.comparison import compare
from ethnicmer_jax.analysis.action_units.description import prevalence
from ethnicmer_jax.analysis.action_units.table import read
from ethnicmer_jax.base import labels

MIN_CLIPS = 5
"""Clips that must show an Action Unit for it to be compared."""

MIN_PAIR = 10
"""The same for a pair of Action Units."""


@dataclasses.dataclass(frozen=True)
class UnitFindings:
    """Action Units, or pairs of them, in two groups.

    Attributes:
      min_clips: clips that must show one for it to be listed.
      prevalence: see `prevalence`, of those that enough clips show.
      tests: see `compare`.
    """

    min_clips: int
    prevalence: pd.DataFrame
    tests: pd.DataFrame

    @classmethod
    def of(cls, clips: CodedClips, groups: tuple[str, str], min_clips: int) -> UnitFindings:
        """Describes and tests what `min_clips` or more clips show."""
        tests = compare(clips, groups, min_clips=min_clips)
        shares = prevalence(clips, groups)
        shown = shares.groupby("au")["n_with"].transform("sum") >= min_clips
        return cls(min_clips, shares[shown.astype(bool)], tests)

    @property
    def n_tested(self) -> int:
        """Tests that could be made within databases."""
        return int(self.tests["p_holm"].notna().sum())

    @property
    def n_different(self) -> int:
        """Tests that show a difference after Holm's correction."""
        return int(self.tests["reject"].sum())


@dataclasses.dataclass(frozen=True)
class ActionUnitFindings:
    """What a study's Action Units allow one to say.

    Attributes:
      groups: first minus second.
      units: single Action Units.
      pairs: pairs of them; None where no pair is shown often enough.
    """

    groups: tuple[str, str]
    units: UnitFindings
    pairs: UnitFindings | None

    @property
    def summary(self) -> str:
        """The tests of single units in a few sentences."""
        tests = self.units.tests
        lead = f"{len(tests)} pairs of Action Unit and emotion occur often enough to be compared."
        if not self.units.n_tested:
            return f"{lead} No database holds both groups, so none is separable from database."
        first, second = map(labels.group, self.groups)
        uncontrolled = int((tests["p_permutation"] <= effects.ALPHA).sum())
        return (
            f"{lead} {self.units.n_tested} can be tested within databases; "
            f"{self.units.n_different} of them show a difference between {first} and {second} "
            "after Holm's correction. Without control for database and number of tests "
            f"{uncontrolled} would have seemed different."
        )


def analyse(
    path: pathlib.Path, members: Mapping[str, str], groups: tuple[str, str]
) -> ActionUnitFindings | None:
    """Describes and tests the Action Units of a file of `table.write`.

    Args:
      path: the file.
      members: ethnicity -> group.
      groups: the two groups, in the order of subtraction.

    Returns:
      None where the file is absent or no Action Unit could be compared.

    Raises:
      UserError: the file is no such table.
    """
    if not path.is_file():
        return None
    clips = _coded(read(path), members)
    units = UnitFindings.of(clips, groups, MIN_CLIPS)
    if units.tests.empty:
        return None
    pairs = UnitFindings.of(clips.pairs(), groups, MIN_PAIR)
    return ActionUnitFindings(groups, units, None if pairs.tests.empty else pairs)


def _coded(table: pd.DataFrame, members: Mapping[str, str]) -> CodedClips:
    """The clips of the groups; those of other ethnicities are left out."""
    group = table["ethnicity"].map(lambda name: members.get(name, ""))
    kept = (group != "").to_numpy()
    table, group = table[kept], group[kept]
    person = table["database"] + "/" + table["subject"]
    return CodedClips.of(list(table["action_units"]), list(table["emotion"]), group, person)
