"""Reads the Action Unit cells of coding sheets as their coders meant them.

The coders of CASME II and SAMM write `4+L10`, `(R6 or R12)+R15`, `ref(7B)+43`,
`10A/B` or `A/L12`. Searching such a cell for the text "1" finds AU 1 in `12`; this
module reads the grammar instead:

    cell  := item (separator item)*       separator: + , ; or the word "or"
    item  := "(" cell ")" | "ref" "(" cell ")" | unit | note
    unit  := sides number intensities     sides: L R A U T B, intensities: A to E,
                                          both optional, "/" between alternatives

Alternatives (`or`, `/`) all count as coded, because the coder saw one of them and
the sheet does not say which: `10A/B` gives 10A and 10B. `ref(...)` (SAMM) marks an
action that the coder takes as the reference of the event; it is coded like any other.
"""

from __future__ import annotations

import itertools
import math
import numbers
import re
import unicodedata
from collections.abc import Iterator

from data_builders.sources.cells import quoted
from ethnicmer_jax.base.schema import ActionUnit

_NOTES = ("soft focus",)
"""Remarks that the coders of SAMM put among the AUs; they are no AUs."""

_NOT_CODED = ("", "?", "-", "nan", "none")
"""What the sheets hold where no AU was coded (CASME II writes "?")."""

_TOKEN = re.compile(
    r"\s*(?:(?P<separator>[+,;]|or\b)"
    r"|(?P<open>(?:ref\s*)?\()"
    r"|(?P<close>\))"
    r"|(?P<note>" + "|".join(_NOTES) + r")"
    r"|(?P<unit>(?:[LRAUTB](?:/[LRAUTB])*)?\d{1,2}(?:[A-E](?:/[A-E])*)?(?![A-Z0-9/]))"
    r")\s*",
    re.IGNORECASE,
)
_UNIT = re.compile(r"(?P<sides>[A-Z/]*)(?P<number>\d+)(?P<intensities>[A-Z/]*)")


def parse(cell: object) -> tuple[ActionUnit, ...]:
    """The Action Units of one cell, in the coder's order, each once.

    Args:
      cell: text, or the number that a spreadsheet makes of a lone AU (12 or 12.0);
        None, NaN, an empty cell and `?` hold no AU.

    Returns:
      The coded AUs. Alternatives are all listed, notes are left out.

    Raises:
      ValueError: the cell is not in the coders' notation; the message quotes it.
    """
    text = _as_text(cell)
    if text.lower() in _NOT_CODED:
        return ()
    tokens = list(_tokens(text))
    _check_order(text, [kind for kind, _ in tokens])
    units = (_units(text, value) for kind, value in tokens if kind == "unit")
    return tuple(dict.fromkeys(itertools.chain.from_iterable(units)))


def _as_text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return unicodedata.normalize("NFKC", cell).strip()  # a Chinese comma is one too
    if isinstance(cell, numbers.Integral) and not isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, numbers.Real) and not isinstance(cell, bool):
        value = float(cell)
        if math.isnan(value):
            return ""
        if value.is_integer():
            return str(int(value))
    raise _error(str(cell))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _error(text)
        yield str(match.lastgroup), match[str(match.lastgroup)]
        position = match.end()


def _check_order(text: str, kinds: list[str]) -> None:
    """Items and separators must alternate, and parentheses must balance."""
    depth = 0
    item_expected = True
    for kind in kinds:
        if (kind in ("open", "unit", "note")) != item_expected:
            raise _error(text)
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            raise _error(text)
        item_expected = kind in ("open", "separator")
    if depth or item_expected:
        raise _error(text)


def _units(text: str, token: str) -> list[ActionUnit]:
    match = _UNIT.fullmatch(token.upper())
    if match is None or int(match["number"]) == 0:
        raise _error(text)
    return [
        ActionUnit(int(match["number"]), side, intensity)
        for side in match["sides"].split("/")
        for intensity in match["intensities"].split("/")
    ]


def _error(cell: str) -> ValueError:
    return ValueError(
        f"{quoted(cell)} is not a cell of Action Units such as 12, 4+L10 or R14A or 17A; "
        "write the AUs with + between them, or leave the cell empty"
    )
