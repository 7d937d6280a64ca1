"""When two codes of subjects, or two names of a database, are one.

Spreadsheets drop leading zeros (006 becomes 6) or add a decimal (6.0), and people write
`SAMM dataset`, `CASME II` or `CAS(ME)^2`.
"""

from __future__ import annotations

import re

_DIGITS = re.compile("[0-9]+")


def folded(code: str) -> str:
    """A code without case and without leading zeros: `Sub01` and `sub1` are `sub1`."""
    return _DIGITS.sub(lambda match: match[0].lstrip("0") or "0", code.strip().casefold())
