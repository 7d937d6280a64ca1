"""Of the site: pages that lie outside docs/, formulas, notebooks, and nothing from a network."""

from __future__ import annotations

import html
import json
import logging
import pathlib
import posixpath
import re
import sys

import latex2mathml.converter
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import messages

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/RESULTS.md": "measurements.md",
    "data_builders/ethnic_me/README.md": "dataset.md",
}
"""Pages of the repository that lie elsewhere, and their places in the site."""

_log = logging.getLogger("mkdocs.hooks.site")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_MATH = re.compile(r"^```math\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")
_SOURCE = re.compile(r'\b(src|srcset)="(?!https?:|data:)([^"]+)"')
_FETCHED = re.compile(
    r"<(?:script|link|img|source|iframe)\b[^>]*\b(?:src|srcset|href)=\"?(https?:|//)"
)


def on_files(files: Files, config) -> Files:
    """Adds the pages that lie outside docs/, and the notebooks."""
    for source, place in INCLUDED.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=_relinked(text, source, place)))
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        text = as_markdown(json.loads(notebook.read_text(encoding="utf-8")))
        files.append(File.generated(config, f"notebooks/{notebook.stem}.md", content=text))
    return files


def on_page_markdown(markdown: str, page, config, files) -> str:
    """Formulas as MathML, which browsers draw without a script; links out of docs/ mended."""
    place = page.file.src_uri
    if place not in INCLUDED.values():
        markdown = _relinked(markdown, f"docs/{place}", place)
    if place == "errors.md":
        markdown = markdown.partition("<!-- every message -->")[0] + _every_message()
    return _MATH.sub(lambda found: _formula(found[1]), markdown)


def on_post_page(output: str, page, config) -> str:
    """Warns (an error under --strict) of whatever a page would fetch from a network."""
    for found in _FETCHED.finditer(output):
        _log.warning("%s would fetch from a network: %s", page.file.src_uri, found[0][:200])
    return output


def as_markdown(notebook: dict) -> str:
    """A notebook's cells and their outputs as a page: text, tables and pictures."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        elif cell["cell_type"] == "code" and source:
            parts.append(f"```python\n{source}\n```")
            parts += [shown for output in _joined(cell["outputs"]) if (shown := _output(output))]
    return "\n\n".join(parts) + "\n"


def _joined(outputs: list[dict]) -> list[dict]:
    """The outputs; lines that the terminal's tables and notes come in, as one text."""
    found: list[dict] = []
    for output in outputs:
        data = output.get("data", {})
        if "".join(data.get("text/html", "")).startswith("<pre"):
            text = "".join(data["text/plain"]).rstrip("\n") + "\n"
            output = {"output_type": "stream", "name": "stdout", "text": [text]}
        if found and output.get("name") == "stdout" == found[-1].get("name"):
            output = {**output, "text": [*found.pop()["text"], *output["text"]]}
        found.append(output)
    return found


def _every_message() -> str:
    """The messages of each package, as tables of module and text."""
    packages: dict[str, list[str]] = {}
    for module, text in messages.collect(ROOT):
        package, _, name = module.rpartition("/")
        cell = html.escape(text).replace("|", "&#124;")
        packages.setdefault(package, []).append(f"| `{name}` | <code>{cell}</code> |")
    tables = [
        f"### {package}\n\n| module | message |\n|---|---|\n" + "\n".join(rows)
        for package, rows in packages.items()
    ]
    return "\n\n".join(tables) + "\n"


def _output(output: dict) -> str:
    if output["output_type"] == "stream":
        # Progress belongs to whoever waits.
        return _verbatim("".join(output["text"])) if output["name"] == "stdout" else ""
    data = output.get("data", {})
    if "image/png" in data:
        return f'<img alt="" src="data:image/png;base64,{"".join(data["image/png"]).strip()}">'
    if "text/html" in data:
        return "\n".join(line.strip() for line in "".join(data["text/html"]).splitlines())
    return _verbatim("".join(data.get("text/plain", "")))


def _verbatim(text: str) -> str:
    text = _COLOUR.sub("", text)
    return f"<pre><code>{html.escape(text.rstrip())}</code></pre>" if text.strip() else ""


def _formula(latex: str) -> str:
    drawn = latex2mathml.converter.convert(" ".join(latex.split()), display="block")
    return drawn.replace("\n", " ")


def _relinked(text: str, source: str, place: str) -> str:
    """Links as they hold in the repository, as they hold in the site; code stays as it is."""
    folder, here = posixpath.dirname(source), posixpath.dirname(place)

    def target(path: str) -> str | None:
        found = posixpath.normpath(posixpath.join(folder, path))
        if found in INCLUDED:
            return posixpath.relpath(INCLUDED[found], here or ".")
        if found.startswith("notebooks/"):
            return posixpath.relpath(found.replace(".ipynb", ".md"), here or ".")
        if found.startswith("docs/"):
            return posixpath.relpath(found.removeprefix("docs/"), here or ".")
        return None

    def link(found: re.Match) -> str:
        to = target(found[2])
        # What is not in the site is a file of the repository.
        return f"[{found[1]}]({to}{found[3] or ''})" if to else f"{found[1]} (`{found[2]}`)"

    def picture(found: re.Match) -> str:
        return f'{found[1]}="{target(found[2]) or found[2]}"'

    parts, last = [], 0
    for fence in _FENCE.finditer(text):
        parts += [_SOURCE.sub(picture, _LINK.sub(link, text[last : fence.start()])), fence[0]]
        last = fence.end()
    return "".join([*parts, _SOURCE.sub(picture, _LINK.sub(link, text[last:]))])
