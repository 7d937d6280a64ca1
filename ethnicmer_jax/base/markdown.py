"""Text of others in Markdown: names and messages are shown as they are, and are never markup."""

from __future__ import annotations

import re

_MARKUP = re.compile(
    r"[\\`*<|~$]"
    r"|\](?=[(\[:])"  # of links and pictures; the brackets of an interval stay
    r"|&(?=#?\w+;)"
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis, and not the underscore of flow_size
)
_OPENS_BLOCK = re.compile(r"(?:#{1,6}|[-+=]+)(?=\s|$)|>")
_NUMBERED = re.compile(r"([0-9]{1,9})([.)])(?=\s|$)")


def escape(text: str) -> str:
    """Plain text as Markdown shows it: one line, no link, picture, HTML, table or heading."""
    line = _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))
    if _OPENS_BLOCK.match(line):
        return f"\\{line}"
    return _NUMBERED.sub(r"\1\\\2", line, count=1) if _NUMBERED.match(line) else line
