"""The words of the pages: each heading is used, and each use has its heading."""

import ast
import collections
import pathlib
import re

import jinja2
import pytest

from ethnicmer_jax.protocols.plan import PROTOCOLS
from ethnicmer_jax.report import prose

PACKAGE = pathlib.Path(prose.__file__).parents[1]
TEMPLATES = PACKAGE / "report" / "templates" / "prose"


def headings():
    return {
        f"{path.name.removesuffix('.md.j2')}.{heading}"
        for path in TEMPLATES.iterdir()
        for heading in re.findall(r"^## (\w+)$", path.read_text(), re.MULTILINE)
    }


def used():
    """Name -> the functions that it is given to, for each call with a constant name."""
    calls = collections.defaultdict(set)
    nodes = (
        node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
    )
    for node in nodes:
        match node:
            case ast.Call(ast.Name("text" | "paragraphs" as function), [ast.Constant(name), *_]):
                if "." in name:
                    calls[name].add(function)
    return calls


def handed_over():
    """Names that are given to a function between: captions of a page's own tables and figures."""
    nodes = (
        node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
    )
    names = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {name for name in names if re.fullmatch(r"compare\.\w*[a-z]", name)}


def test_every_heading_is_used_and_exists():
    # The captions of forest plots are named after the plot, and protocols after themselves.
    named_after = {
        name
        for name in headings()
        if re.fullmatch(r"study\.\w+_forest|compare\.forest_(classes|groups)", name)
    }
    protocols = {f"methods.{name}" for name in PROTOCOLS} - {"methods.all"}
    assert set(used()) | handed_over() | named_after | protocols == headings()


def test_no_heading_stands_twice():
    for path in TEMPLATES.iterdir():
        found = re.findall(r"^## (\w+)$", path.read_text(), re.MULTILINE)
        assert len(found) == len(set(found)), path.name


def test_what_is_asked_for_as_one_paragraph_is_one():
    for name in (name for name, functions in used().items() if "text" in functions):
        file, heading = name.split(".")
        source = prose._templates(file)[heading]
        assert len(re.split(r"\n\s*\n", source.strip())) == 1, name


def test_lines_are_joined_and_paragraphs_are_not():
    first, *others = prose.paragraphs("job.methods")
    assert "\n" not in first
    assert len(others) == 2


def test_values_stay_plain_text_until_the_page_escapes_them():
    assert prose.text("common.confounded", first="<i>", second="{{ x }}").startswith(
        "<i> and {{ x }} are spread unevenly"
    )


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        prose.text("common.confounded", first="asian")
