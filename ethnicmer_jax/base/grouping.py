"""Which ethnicities count as which group: a choice of the analysis, never of the data.

Two groups are compared throughout, under the keys `asian` and `non_asian`; an
ethnicity that a grouping does not name is excluded from group comparisons (and is
still a legal training clip where a protocol does not split by group).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int, Int32

from ethnicmer_jax.base.run_id import check_name
from ethnicmer_jax.base.schema import ETHNICITIES, UNKNOWN, UserError

EXCLUDED = "excluded"

GROUPINGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    # Khor et al. 2025: ethnicity code >= 2 is "Asian"; here for parity.
    "reference": {"asian": ("Asian", "Indian", "Others"), "non_asian": ("White", "Black")},
    "strict": {"asian": ("Asian",), "non_asian": ("White", "Black", "Indian", "Others")},
    "white_black_vs_asian": {"asian": ("Asian",), "non_asian": ("White", "Black")},
}


@dataclasses.dataclass(frozen=True)
class Grouping:
    """A named partition of some of the ethnicities.

    Attributes:
      name: as printed in every report.
      groups: group -> the ethnicities it holds; disjoint.
    """

    name: str
    groups: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """The groups in order."""
        return tuple(self.groups)

    @property
    def members(self) -> dict[str, str]:
        """Ethnicity -> group, of every ethnicity that belongs to one."""
        return {name: group for group, names in self.groups.items() for name in names}

    def group_of(self, ethnicity: str) -> str:
        """The group of one ethnicity, `excluded` where none claims it."""
        return self.members.get(ethnicity, EXCLUDED)

    def indices(self, ethnicity: Int[np.ndarray, " clips"]) -> Int32[np.ndarray, " clips"]:
        """Group index per clip: an index into `names`, -1 where excluded.

        Args:
          ethnicity: indices into ETHNICITIES.
        """
        of_code = [
            self.names.index(group) if (group := self.group_of(name)) != EXCLUDED else -1
            for name in ETHNICITIES
        ]
        return np.asarray(of_code, np.int32)[np.asarray(ethnicity)]


def grouping(name: str, custom: str | Mapping[str, Sequence[str]] | None = None) -> Grouping:
    """The named grouping, or the `custom` one spelled out in the config.

    Args:
      name: a key of GROUPINGS, or "custom".
      custom: text such as "asian=Asian+Indian;non_asian=White+Black", or a mapping.

    Raises:
      UserError: the name or the text is not known, a group is empty, or an ethnicity is
        unknown, in two groups, or `Unknown` (which belongs to no group), or a group's name
        cannot be part of a run's.
    """
    if name == "custom":
        spelled = _from_text(custom) if isinstance(custom, str) else custom or {}
        groups = {group: tuple(members) for group, members in spelled.items()}
        _check(groups)
        return Grouping(name, groups)
    if name not in GROUPINGS:
        raise UserError(
            f"grouping {name!r} is not known; choose one of {', '.join(GROUPINGS)} or custom"
        )
    return Grouping(name, GROUPINGS[name])


def _from_text(text: str) -> dict[str, list[str]]:
    """Reads `group=ethnicity+ethnicity;group=ethnicity`."""
    groups: dict[str, list[str]] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        group, separator, members = (piece.strip() for piece in part.partition("="))
        if not separator or not group or group in groups:
            raise UserError(
                f"protocol.grouping_custom {text!r} does not read "
                "asian=Asian+Indian;non_asian=White+Black, each group once"
            )
        groups[group] = [member.strip() for member in members.split("+") if member.strip()]
    return groups


def _check(groups: Mapping[str, tuple[str, ...]]) -> None:
    if len(groups) < 2:
        raise UserError("a custom grouping needs at least two groups in protocol.grouping_custom")
    seen: set[str] = set()
    for group, members in groups.items():
        check_name("group", group)
        if not members:
            raise UserError(f"group {group!r} of the custom grouping is empty")
        for member in members:
            if member not in ETHNICITIES or member == UNKNOWN:
                allowed = ", ".join(e for e in ETHNICITIES if e != UNKNOWN)
                raise UserError(f"{member!r} in group {group!r} is not one of {allowed}")
            if member in seen:
                raise UserError(f"{member!r} stands in two groups of the custom grouping")
            seen.add(member)
