"""Puts many problems into one message that fits on a screen."""

from __future__ import annotations

from collections.abc import Iterable

from data_builders.sources.base import Problem

_SHOWN = 20


def summary(problems: Iterable[Problem | str], headline: str) -> str:
    """One line where there is one problem, else a headline and up to 20 lines.

    Args:
      problems: at least one, or their texts.
      headline: what follows from them, such as "nothing was built".
    """
    lines = [str(problem) for problem in problems]
    if len(lines) == 1:
        return f"{lines[0]} ({headline})"
    rest = len(lines) - _SHOWN
    more = [f"... and {rest} more"] if rest > 0 else []
    return "\n  ".join([f"{len(lines)} problems, {headline}:", *lines[:_SHOWN], *more])
