"""The commands that README and docs print, as a reader would copy them."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = (
    ROOT / "README.md",
    # Its tour makes the work directories that other pages go on with.
    ROOT / "docs" / "start.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(set((ROOT / "docs").glob("*.md")) - {ROOT / "docs" / "start.md"}),
    ROOT / "data_builders" / "ethnic_me" / "README.md",
)
STARTS = ("python ", "make ", "pip ", ".venv/", "pre-commit ", "pytest ", "ethnicmer ")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`]+)`")


def fenced(page):
    """The commands in a page's fenced blocks, without what is optional."""
    return [
        command
        for language, block in _FENCE.findall(page.read_text(encoding="utf-8"))
        if language in ("", "bash", "sh")
        for line in block.replace("\\\n", " ").splitlines()
        if (command := _command(line))
    ]


def python_blocks(page):
    """The blocks of Python code in a page."""
    blocks = _FENCE.findall(page.read_text(encoding="utf-8"))
    return [block for language, block in blocks if language == "python"]


def inline(page):
    """The code in a page's running text and tables."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [" ".join(code.split()) for code in _INLINE.findall(text)]


def _command(line):
    """The line without comments and `[--optional]` parts; "" where it is no command."""
    line = re.sub(r"\[--[^\]]*\]|\s#.*", "", line.strip())
    if "SLURM_ARRAY" in line:
        # A task of an array runs as well where there is no cluster.
        line = line.removeprefix("srun ")
    return " ".join(line.split()) if line.startswith(STARTS) else ""
