"""What the contrasts of a study are called, and what each of them is there for.

Predictions carry the name alone, so that who lays out the folds and who draws the
conclusions read its meaning here.
"""

from __future__ import annotations

import enum
import re

MAIN = "ethnicity"
PLACEBO = "placebo"
DATABASE = "database"
FLIPPED = "flipped"
REFERENCE = "reference"

FAMILIES = (MAIN, "within", PLACEBO, DATABASE, FLIPPED, "grouping", REFERENCE)
"""What `protocol.contrasts` may name; `within` and `grouping` stand for several each."""

_WITHIN = "within_"
_RELABELLED = re.compile(r"relabelling(\d+)\.deal(\d+)")
_REGROUPED = "_grouping"


class Role(enum.Enum):
    """What a contrast says about the main one."""

    MAIN = "the question"
    WITHIN = "the same inside one database"
    SENSITIVITY = "the same with other members of the groups"
    OTHER = "shown beside it"


_ROLES = {
    MAIN: Role.MAIN,
    FLIPPED: Role.SENSITIVITY,
}


def within(database: str, contrast: str = MAIN) -> str:
    """The name of a contrast (the main one, or a regrouped one) inside one database."""
    return f"{_WITHIN}{database}" + ("" if contrast == MAIN else f"_{contrast}")


def regrouped(grouping: str) -> str:
    """The name of the main contrast under another grouping."""
    return f"{grouping}{_REGROUPED}"


def is_regrouped(name: str) -> bool:
    """Whether a name ends like that of a regrouped contrast, which no database's may."""
    return name.endswith(_REGROUPED)


def role(name: str) -> Role:
    """What the contrast (or job) of this name is there for."""
    if name.startswith(_WITHIN):
        return Role.OTHER if is_regrouped(name) else Role.WITHIN
    return Role.SENSITIVITY if is_regrouped(name) else _ROLES.get(name, Role.OTHER)


def database_within(name: str) -> str:
    """The database that a contrast with `Role.WITHIN` is inside of."""
    return name.removeprefix(_WITHIN)


def relabelled(number: int, deal: int) -> str:
    """The main contrast with its groups permuted; number 0 is the groups as they are.

    Args:
      number: of the relabelling.
      deal: which way its subjects are dealt into folds.
    """
    return f"relabelling{number}.deal{deal}"


def relabelling_of(name: str) -> tuple[int, int]:
    """The number and the deal of a contrast that `relabelled` named.

    Raises:
      ValueError: it named no such contrast.
    """
    match = _RELABELLED.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is no relabelling")
    return int(match[1]), int(match[2])
