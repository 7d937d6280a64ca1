"""The words of the pages, from templates/prose/: one file for each kind of page."""

from __future__ import annotations

import functools
import re

import jinja2

_HEADING = re.compile(r"^## (\w+)\n", re.MULTILINE)

_LOADER = jinja2.PackageLoader("ethnicmer_jax.report", "templates/prose")

# The result is plain text: `page.html` escapes it, together with every other text.
_ENVIRONMENT = jinja2.Environment(
    loader=_LOADER,
    autoescape=False,
    undefined=jinja2.StrictUndefined,
)


def paragraphs(name: str, **values: object) -> list[str]:
    """The paragraphs under a heading, as plain text on one line each.

    Args:
      name: `<file>.<heading>`: "study.methods" is the text below `## methods` in study.md.j2.
      values: what the template names.

    Raises:
      KeyError: there is no such heading.
      jinja2.UndefinedError: the template names a value that was not given.
    """
    file, heading = name.split(".")
    rendered = _ENVIRONMENT.from_string(_templates(file)[heading]).render(values)
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", rendered.strip())]


def text(name: str, **values: object) -> str:
    """The one paragraph under a heading; see `paragraphs`."""
    (paragraph,) = paragraphs(name, **values)
    return paragraph


@functools.cache
def _templates(file: str) -> dict[str, str]:
    """Heading -> template of a file."""
    source, _, _ = _LOADER.get_source(_ENVIRONMENT, f"{file}.md.j2")
    _, *parts = _HEADING.split(source)
    return dict(zip(parts[::2], parts[1::2], strict=True))
