"""When two codes of subjects, or two names of a database, are one.

Spreadsheets drop leading zeros (006 becomes 6) or add a decimal (6.0), and people write
`SAMM dataset`, `CASME II` or `CAS(ME)^2`. What is taken for one here is certain; whatever
else differs is another code.
"""

from __future__ import annotations

import collections
import re
import unicodedata
from collections.abc import Iterable, Mapping

DATABASES: Mapping[str, tuple[str, ...]] = {
    "casme": ("casme1", "casmei"),
    "casme2": ("casmeii",),
    "casme_squared": ("casmesquared", "casmesq"),
    "casme3": ("casmeiii", "casmecubed", "casme3a", "casme3parta"),
    "casme3c": ("casme3partc",),
    "samm": (),
    "smic": ("smichs",),
    "smic_vis": (),
    "smic_nir": (),
    "4dme": ("4dmicroexpression", "4dmicroexpressions"),
    "mmew": (),
    "dfme": (),
}
"""Public databases by the name that records have, and what they are called elsewhere.

Compared without case, blanks, punctuation and the word "dataset" or "database".
"""

_NAMES = {
    alias.replace("_", ""): name
    for name, aliases in DATABASES.items()
    for alias in (name, *aliases)
}
_POWER = re.compile(r"cas\(me\)\s*\^?\s*(?P<power>[23\N{SUPERSCRIPT TWO}\N{SUPERSCRIPT THREE}])")
_KIND = re.compile(r"(?:[\s_-]*(?:data\s?set|data\s?base|db))+$")
_DIGITS = re.compile("[0-9]+")
_DECIMAL = re.compile(r"[.,]0{1,2}$")


def database(name: str) -> str:
    """The name that records have of a database: `SAMM dataset` is `samm`, `CASME II` is `casme2`.

    Names of other databases are brought to lower case only.
    """
    lower = name.strip().lower()
    bare = _KIND.sub("", lower) or lower
    if power := _POWER.fullmatch(bare):
        return "casme_squared" if unicodedata.digit(power["power"]) == 2 else "casme3"
    return _NAMES.get(_letters(bare), lower)


def database_key(name: str) -> str:
    """What two names of one database have in common: `My Lab dataset` and `my_lab` are `mylab`."""
    known = database(name)
    return known if known in DATABASES else _letters(_KIND.sub("", known)) or known


def same_database(first: str, second: str) -> bool:
    """Whether two names are one database."""
    return database_key(first) == database_key(second)


def folded(code: str) -> str:
    """A code without case and without leading zeros: `Sub01` and `sub1` are `sub1`."""
    return _DIGITS.sub(lambda match: match[0].lstrip("0") or "0", code.strip().casefold())


class Codes:
    """The codes of one database, found however a table writes them.

    Exactly; else without case and leading zeros; else by the only number in a code where one
    of the two is a bare number (1 or 1.0 is `sub01`); and only where a single code fits.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._exact = frozenset(known)
        self._folded = collections.defaultdict[str, list[str]](list)
        self._numbers = collections.defaultdict[str, list[str]](list)
        for code in sorted(self._exact):
            self._folded[folded(code)].append(code)
            self._numbers[_only_number(code)].append(code)

    def find(self, written: str) -> str | None:
        """The code that is meant, or None where none is or it is not certain which."""
        if written in self._exact:
            return written
        bare = folded(_DECIMAL.sub("", written))
        if fitting := self._folded.get(bare):
            return fitting[0] if len(fitting) == 1 else None
        number = _only_number(bare)
        fitting = self._numbers.get(number, []) if number else []
        if len(fitting) == 1 and number in (bare, folded(fitting[0])):
            return fitting[0]
        return None


def _only_number(code: str) -> str:
    """The number in a code that holds one, without leading zeros; else ""."""
    digits = _DIGITS.findall(code)
    return folded(digits[0]) if len(digits) == 1 else ""


def _letters(name: str) -> str:
    """Letters and digits of a name."""
    return "".join(character for character in name if character.isalnum())
