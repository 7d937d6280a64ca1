"""The kinds of values that a setting may have; which setting has which stands in `settings`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ethnicmer_jax.base.class_schemes import NAMES


class Rule(Protocol):
    """What a setting may be; `str(rule)` completes the sentence "it must be ..."."""

    def allows(self, value: Any) -> bool:
        """Whether the setting may have this value."""


@dataclasses.dataclass(frozen=True)
class Whole:
    """A whole number.

    Attributes:
      low: the smallest.
      high: the largest.
      even: whether only even numbers are allowed.
    """

    low: int
    high: int
    even: bool = False

    def allows(self, value: Any) -> bool:
        """Whether it is an int in the range; a bool is none."""
        number = isinstance(value, int) and not isinstance(value, bool)
        return number and self.low <= value <= self.high and not (self.even and value % 2)

    def __str__(self) -> str:
        kind = "an even number" if self.even else "a whole number"
        return f"{kind} from {self.low:,} to {self.high:,}"


@dataclasses.dataclass(frozen=True)
class Real:
    """A finite number.

    Attributes:
      low: the smallest.
      high: the largest.
      above: whether `low` itself is excluded.
      below: whether `high` itself is excluded.
    """

    low: float
    high: float
    above: bool = False
    below: bool = False

    def allows(self, value: Any) -> bool:
        """Whether it is an int or float in the range; NaN is in none."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        over = self.low < value if self.above else self.low <= value
        return over and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        low = f"above {self.low:,.10g} and" if self.above else f"from {self.low:,.10g} to"
        high = f"below {self.high:,.10g}" if self.below else f"{self.high:,.10g}"
        return f"a number {low} {f'at most {high}' if self.above and not self.below else high}"


@dataclasses.dataclass(frozen=True)
class Flag:
    """True or False."""

    def allows(self, value: Any) -> bool:
        """Whether it is a bool."""
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "True or False"


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several values.

    Attributes:
      of: all of them.
    """

    of: tuple[str | int, ...]

    def allows(self, value: Any) -> bool:
        """Whether it is one of them, and of the same type."""
        return any(type(value) is type(known) and value == known for known in self.of)

    def __str__(self) -> str:
        return f"one of {', '.join(map(str, self.of))}"


@dataclasses.dataclass(frozen=True)
class Joined:
    """One of several names, or some of them joined by +, each of them once.

    Attributes:
      of: all of them.
    """

    of: tuple[str, ...]

    def allows(self, value: Any) -> bool:
        """Whether it is a str of such names."""
        names = value.split("+") if isinstance(value, str) else [""]
        return len(set(names)) == len(names) and set(names) <= set(self.of)

    def __str__(self) -> str:
        return f"one of {', '.join(self.of)}, or several joined by +"


@dataclasses.dataclass(frozen=True)
class Names:
    """A tuple of different names.

    Attributes:
      of: those that are known; () where any name will do.
      empty: what () stands for; "" where it is not allowed.
    """

    of: tuple[str, ...] = ()
    empty: str = "all of them"

    def allows(self, value: Any) -> bool:
        """Whether it is a tuple or list of such names, each of them once."""
        if not isinstance(value, tuple | list) or not (value or self.empty):
            return False
        texts = all(isinstance(name, str) and name.strip() for name in value)
        return (
            texts
            and len(set(value)) == len(value)
            and (not self.of or all(name in self.of for name in value))
        )

    def __str__(self) -> str:
        known = f" out of {', '.join(self.of)}" if self.of else ""
        empty = f" (none stands for {self.empty})" if self.empty else " (at least one)"
        form = written(self.of[:2] or ("a", "b"))
        return f"a tuple of different names{known}{empty}, written '{form}'"


@dataclasses.dataclass(frozen=True)
class Text:
    """A text of one line.

    Attributes:
      empty: whether it may be empty.
    """

    empty: bool = True

    def allows(self, value: Any) -> bool:
        """Whether it is a str without control characters."""
        return isinstance(value, str) and (value.isprintable()) and bool(self.empty or value)

    def __str__(self) -> str:
        return "a text of one line" if self.empty else "a text of one line, not empty"


@dataclasses.dataclass(frozen=True)
class Reals:
    """A tuple of numbers.

    Attributes:
      each: what every one of them has to be.
      total: what they have to add up to, or None.
      count: how many there have to be; 0 for one or more.
      holds: a number that has to be among them, or None.
    """

    each: Real
    total: float | None = None
    count: int = 0
    holds: float | None = None

    def allows(self, value: Any) -> bool:
        """Whether it is a tuple or list of such numbers."""
        return (
            isinstance(value, tuple | list)
            and (len(value) == self.count if self.count else len(value) > 0)
            and all(map(self.each.allows, value))
            and (self.total is None or math.isclose(sum(value), self.total, abs_tol=1e-6))
            and (self.holds is None or self.holds in value)
        )

    def __str__(self) -> str:
        return (
            f"a tuple of {f'{self.count} numbers' if self.count else 'numbers'}, "
            f"each {self.each}"
            + (f", that add up to {self.total:g}" if self.total is not None else "")
            + (f", {self.holds:g} among them" if self.holds is not None else "")
        )


@dataclasses.dataclass(frozen=True)
class CustomGrouping:
    """Text or mapping for `grouping.grouping`, which reads and checks it."""

    def allows(self, value: Any) -> bool:
        """Whether it is a text of one line or a mapping."""
        return isinstance(value, Mapping) or Text().allows(value)

    def __str__(self) -> str:
        return "a text such as asian=Asian+Indian;non_asian=White+Black"


@dataclasses.dataclass(frozen=True)
class Classes:
    """Text for `class_schemes.parse`, which reads and checks it."""

    def allows(self, value: Any) -> bool:
        """Whether it is a text of one line, not empty."""
        return Text(empty=False).allows(value)

    def __str__(self) -> str:
        return f"one of {', '.join(NAMES)}, or a mapping such as happiness=positive;others="


def written(names: Sequence[str]) -> str:
    """Names as a tuple in the form that the command line reads: `("arms","pooled")`."""
    quoted = [f'"{name}"' for name in names]
    return f"({quoted[0]},)" if len(quoted) == 1 else f"({','.join(quoted)})"
