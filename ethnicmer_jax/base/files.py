"""A work directory: which config it belongs to, and the files that appear in it whole."""

from __future__ import annotations

import json
import pathlib
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from ethnicmer_jax.base.schema import UserError

FREE = ("engine", "data.data_dir")
"""Settings that change where and how fast, not what: they may differ when resuming."""


def claim(workdir: pathlib.Path, config: Mapping[str, Any]) -> None:
    """Writes config.json, or compares it with what the directory was used for.

    Args:
      workdir: made if it does not exist.
      config: the resolved config as plain data.

    Raises:
      UserError: the directory was used with another config; the message has the
        differences.
    """
    path = workdir / "config.json"
    if path.is_file():
        differences = list(_differences(read_json(path), json.loads(json.dumps(config))))
        if differences:
            shown = "; ".join(differences[:8]) + ("; ..." if len(differences) > 8 else "")
            raise UserError(
                f"{workdir} was used with another config ({shown}); choose another --workdir"
            )
    write_json(path, config)


def read_json(path: pathlib.Path) -> Any:
    """The content of a JSON file.

    Raises:
      UserError: it does not exist or is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; run --mode=all in this work directory") from None
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); delete it and run again") from None


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes a JSON file whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a file whole or not at all, whoever else writes it at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    """One `name: old -> new` for each setting that differs."""
    if name in FREE:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}".lstrip("."))
    elif old != new:
        yield f"{name}: {json.dumps(old)} -> {json.dumps(new)}"
