"""The design of a planned recording: which laboratories film how many subjects of either group."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence

import ml_collections

from ethnicmer_jax.base.schema import UserError

GROUPS = ("Asian", "White")
"""The two ethnicities whose display rules the simulator sets apart."""

FEWEST = 40
"""Ways to deal the groups: of fewer, no outcome of the randomisation test has a p of .05."""

_ENTRY = re.compile(r"(\w+):(n|\d+)\+(n|\d+)")
_MOST = 500
_FEWEST_OF_GROUP = 4


@dataclasses.dataclass(frozen=True)
class Laboratory:
    """Who is filmed in one place.

    Attributes:
      name: of its database.
      subjects: of either group.
    """

    name: str
    subjects: tuple[int, int]

    @property
    def mixed(self) -> bool:
        """Whether it films both groups."""
        return min(self.subjects) > 0

    @property
    def cohorts(self) -> str:
        """As `simulation.options.parse_cohorts` reads it."""
        filmed = zip(GROUPS, self.subjects, strict=True)
        return ",".join(f"{self.name}:{group}:{count}" for group, count in filmed if count)


@dataclasses.dataclass(frozen=True)
class Recording:
    """One design.

    Attributes:
      laboratories: in the order that they were named.
      n: what n stood for; None where there was none.
    """

    laboratories: tuple[Laboratory, ...]
    n: int | None = None

    @property
    def key(self) -> str:
        """Its name in files: "plan", or "plan_008" of n = 8."""
        return "plan" if self.n is None else f"plan_{self.n:03d}"

    @property
    def label(self) -> str:
        """Such as "20 + 12 subjects in 2 laboratories (a:8+8,b:12+4)"."""
        first, second = (sum(lab.subjects[side] for lab in self.laboratories) for side in (0, 1))
        count = len(self.laboratories)
        places = "1 laboratory" if count == 1 else f"{count} laboratories"
        return f"{first} + {second} subjects in {places} ({self.typed})"

    @property
    def typed(self) -> str:
        """As `parse` reads it, with n filled in, such as "a:8+8,b:12+4"."""
        return ",".join(
            f"{lab.name}:{'+'.join(map(str, lab.subjects))}" for lab in self.laboratories
        )


def parse(text: str, sizes: Sequence[int] = ()) -> list[Recording]:
    """The designs that a text describes, one for each size.

    Args:
      text: `name:count+count`, separated by commas; a count may be n.
      sizes: what n stands for, in turn; one that is named twice counts once.

    Raises:
      UserError: the text reads otherwise, or no number of relabellings could answer there.
    """
    entries = [_entry(part) for part in text.replace(" ", "").split(",")]
    names = [name for name, _ in entries]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--laboratories={text}: {name} is named twice")
    asked = any("n" in counts for _, counts in entries)
    if asked and not sizes:
        raise UserError(f"--laboratories={text}: say what n is, such as --subjects=4,8,16")
    if sizes and not asked:
        raise UserError(f"--laboratories={text}: no count is n, so --subjects changes nothing")
    made = [_recording(entries, n) for n in (dict.fromkeys(sizes) or (None,))]
    for recording in made:
        _refuse(recording)
    return made


def designs(
    recordings: Sequence[Recording], styles: Sequence[Mapping[str, float]]
) -> Iterator[tuple[str, ml_collections.ConfigDict]]:
    """Names and designs for `config.calibration.designs`.

    Args:
      recordings: from `parse`.
      styles: own settings of the simulator for the first, second, ... laboratory, and again
        from the first where there are more laboratories.
    """
    for recording in recordings:
        design = ml_collections.ConfigDict()
        design.label = recording.label
        design.contrasts = ("ethnicity",)
        design.vary_effect = True
        design.databases = ml_collections.ConfigDict()
        for number, laboratory in enumerate(recording.laboratories):
            own = styles[number % len(styles)]
            design.databases[laboratory.name] = ml_collections.ConfigDict(
                {"cohorts": laboratory.cohorts, **own}
            )
        yield recording.key, design


def _entry(part: str) -> tuple[str, tuple[str, str]]:
    match = _ENTRY.fullmatch(part)
    if match is None:
        raise UserError(
            f"--laboratories: {part!r} does not read NAME:COUNT+COUNT, such as a:8+8,b:12+4,c:16+0"
        )
    name, *counts = match.groups()
    return name, (counts[0], counts[1])


def _recording(entries: Sequence[tuple[str, tuple[str, str]]], n: int | None) -> Recording:
    def number(count: str) -> int:
        return int(n or 0) if count == "n" else int(count)

    laboratories = (Laboratory(name, (number(a), number(b))) for name, (a, b) in entries)
    return Recording(tuple(laboratories), n)


def _refuse(recording: Recording) -> None:
    """One line about a design that cannot be planned with."""
    for laboratory in recording.laboratories:
        if not 1 <= sum(laboratory.subjects) <= _MOST:
            raise UserError(
                f"{laboratory.name} films {sum(laboratory.subjects)} subjects; "
                f"plan with 1 to {_MOST} in each laboratory"
            )
    mixed = [laboratory for laboratory in recording.laboratories if laboratory.mixed]
    if not mixed:
        raise UserError(
            f"{recording.label}: no laboratory films both groups, so that group and laboratory "
            "are one thing and no number of subjects tells them apart; record both groups in one"
        )
    fewest = min(sum(lab.subjects[side] for lab in recording.laboratories) for side in (0, 1))
    if fewest < _FEWEST_OF_GROUP:
        raise UserError(
            f"{recording.label}: a group of {fewest} cannot teach and be tested in turn; record "
            f"{_FEWEST_OF_GROUP} or more of either"
        )
    ways = math.prod(math.comb(sum(lab.subjects), lab.subjects[0]) for lab in mixed)
    # Where both groups are of one size everywhere, exchanging their names changes nothing.
    if all(lab.subjects[0] == lab.subjects[1] for lab in mixed):
        ways //= 2
    if ways < FEWEST:
        raise UserError(
            f"{recording.label}: the groups can be dealt to the subjects of the laboratories with "
            f"both in {ways} ways only, of which no outcome is rare at 5%; record 5 + 5 or more"
        )
