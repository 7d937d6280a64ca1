"""What the contrasts of a study are called, and what each of them is there for.

Predictions carry the name alone, so that who lays out the folds and who draws the
conclusions read its meaning here.
"""

from __future__ import annotations

import enum

MAIN = "ethnicity"
PLACEBO = "placebo"
DATABASE = "database"
FLIPPED = "flipped"
REFERENCE = "reference"

FAMILIES = (MAIN, "within", PLACEBO, DATABASE, FLIPPED, "grouping", REFERENCE)
"""What `protocol.contrasts` may name; `within` and `grouping` stand for several each."""

_WITHIN = "within_"
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
