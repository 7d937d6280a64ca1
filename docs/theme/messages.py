"""Every message that the program says of a user's mistake, read from its code."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

PACKAGES = ("ethnicmer_jax", "data_builders")
GAP = "…"
"""Stands where a message names what was found."""


class Message(NamedTuple):
    """A message: the module that says it, relative to the repository, and its text."""

    module: str
    text: str


def collect(root: pathlib.Path) -> list[Message]:
    """The texts of all `UserError`s (and errors derived from it), in the order of the files."""
    found = []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            module = path.relative_to(root).as_posix()
            found += [Message(module, text) for text in _texts(tree)]
    return list(dict.fromkeys(found))


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in (
            "UserError",
            "SizeError",
            "InUseError",
        ):
            for argument in node.args[:1]:
                text = " ".join(_text(argument).split())
                if any(letter.isalpha() for letter in text):
                    yield text
        if isinstance(node, ast.Call) and _name(node.func) == "DamagedError":
            path, reason, mend = map(_text, node.args)
            yield f"{path} {reason}: {mend}"


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _text(node: ast.expr) -> str:
    """The constant parts of a text, with GAP for every other one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    return GAP
