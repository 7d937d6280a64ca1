"""Every setting of a config, as --help lists it: value, default, comment and range."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from configs import calibrate, common
from ethnicmer_jax.base import settings
from ethnicmer_jax.base.settings import Choice, CustomGrouping, Flag, Text

_WIDTH, _LEFT = 100, 44
_ASSIGNMENT = re.compile(r" +(?:config\.)?([\w.]+) = (.*?)(?:  # (.*))?")
_HEADING = re.compile(r" +# (.*)")


class _Comment(NamedTuple):
    """What a config file says of a setting: beside it, and in the line above."""

    beside: str = ""
    above: str = ""


def listing(config: Mapping[str, Any]) -> str:
    """One entry for each setting, at most 100 columns wide.

    Args:
      config: plain data, as of configs/common.py.
    """
    of_calibration = {
        name: comment
        for name, comment in _comments(calibrate).items()
        if name.startswith("calibration.")
    }
    comments = _comments(common) | of_calibration
    defaults = dict(settings.flattened(common.get_config().to_dict()))
    defaults |= {
        name: value
        for name, value in settings.flattened(calibrate.get_config().to_dict())
        if name.startswith("calibration.")
    }
    lines = ["settings of the config, each to be changed by --config.NAME=VALUE:"]
    before = ""
    for name, value in sorted(settings.flattened(config), key=_place):
        comment, section = comments.get(name, _Comment()), name.rpartition(".")[0]
        if comment.above or section != before:
            lines += ["", *([f"  {comment.above}"] if comment.above else [])]
        lines += _entry(name, value, defaults.get(name, value), comment.beside)
        before = section
    return "\n".join(lines)


def _place(setting: tuple[str, Any]) -> int:
    """Where a setting stands in the table, which has the order of configs/common.py."""
    names = list(settings.RULES)
    return names.index(setting[0]) if setting[0] in names else len(names)


def _entry(name: str, value: Any, default: Any, comment: str) -> Iterator[str]:
    usual = "" if value == default else f" (default {_text(default)})"
    left = f"  {name}={_text(value)}{usual}"
    notes = textwrap.wrap("; ".join(filter(None, (comment, _range(name, comment)))), _WIDTH - _LEFT)
    if len(left) >= _LEFT - 1:
        yield from textwrap.wrap(left, _WIDTH, subsequent_indent="    ")
        left = ""
    for line in notes or [""]:
        yield f"{left:{_LEFT}}{line}".rstrip()
        left = ""


def _range(name: str, comment: str) -> str:
    """What the setting may be, where that is not clear from its value or comment."""
    rule = settings.rule_of(name)
    words = set(re.findall(r"\w+", comment))
    if rule is None or isinstance(rule, Flag | Text | CustomGrouping):
        return ""
    if isinstance(rule, Choice) and words >= set(map(str, rule.of)):
        return ""
    return str(rule)


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else repr(value)


def _comments(module: ModuleType) -> dict[str, _Comment]:
    """Dotted name -> the comments in a config file's source."""
    comments, above = {}, []
    for line in inspect.getsource(module).splitlines():
        if heading := _HEADING.fullmatch(line):
            above.append(heading[1])
        elif assignment := _ASSIGNMENT.fullmatch(line):
            comments[assignment[1]] = _Comment(assignment[3] or "", " ".join(above))
            above = []
        else:
            above = []
    return comments
