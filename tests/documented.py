"""The commands that README and docs print, as a reader would copy them."""

import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "data_builders" / "ethnic_me" / "README.md",
)
STARTS = ("python ", "make ", "pip ", ".venv/", "pre-commit ", "pytest ", "ethnicmer ")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`]+)`")


def fenced(page):
    """The commands in a page's fenced blocks, each a list of words, without what is optional."""
    return [
        words
        for language, block in _FENCE.findall(page.read_text(encoding="utf-8"))
        if language in ("", "bash", "sh")
        for line in block.replace("\\\n", " ").splitlines()
        if (words := _words(line))
    ]


def inline(page):
    """The commands in a page's running text and tables, likewise."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    found = [_words(" ".join(code.split())) for code in _INLINE.findall(text)]
    return [words for words in found if words]


def _words(line):
    line = re.sub(r"\[--[^\]]*\]", "", line.strip())
    return shlex.split(line, comments=True) if line.startswith(STARTS) else []
