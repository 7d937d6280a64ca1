"""A config from its name, its file or itself, with changes in plain Python values."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pathlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import ml_collections
import numpy as np

import configs
from ethnicmer_jax.api import places
from ethnicmer_jax.base import setting_rules, settings
from ethnicmer_jax.base.schema import UserError

Source: TypeAlias = str | os.PathLike[str] | ml_collections.ConfigDict
"""What names a config, see `config`."""


def config(
    source: Source = "common", overrides: Mapping[str, Any] | None = None
) -> ml_collections.ConfigDict:
    """The settings of a run, checked one by one.

    Args:
      source: the name of a config of ours with its variant, if any ("smoke",
        "ethnic_aware:bias"); the path of a config file ("configs/smoke.py",
        "my_config.py:variant"); or a config, which is left as it is.
      overrides: setting -> value, dotted ({"optim.epochs": 2}) or nested
        ({"optim": {"epochs": 2}}). Values are plain Python: lists stand for tuples, paths
        and the numbers of class schemes for their text, NumPy's numbers for Python's.

    Returns:
      A config of its own; `config.optim.epochs = 2` changes it further.

    Raises:
      UserError: there is no such config or setting, or a value is not possible; in one line.

    Example:
      >>> import ethnicmer_jax as em
      >>> em.config("smoke", {"data.classes": 5}).data.classes
      '5'
    """
    if isinstance(source, ml_collections.ConfigDict):
        made = source.copy_and_resolve_references()
    else:
        made = _read(os.fspath(places.place("config", source)))
    given = {
        name: value.to_dict() if isinstance(value, ml_collections.ConfigDict) else value
        for name, value in (overrides or {}).items()
    }
    with made.unlocked(), made.ignore_type():
        for name, value in settings.flattened(given):
            _set(made, name, value)
        for name, value in settings.flattened(made.to_dict()):
            if settings.rule_of(name) is not None:  # `sweep` holds settings of other jobs
                _set(made, name, value)
    return made


def shipped() -> list[str]:
    """The names of the configs that come with the program."""
    return sorted(module.name for module in pkgutil.iter_modules(configs.__path__))


def _set(made: ml_collections.ConfigDict, name: str, value: Any) -> None:
    rule = settings.rule_of(name)
    if rule is None:
        raise UserError(settings.unknown(name, list(settings.RULES)))
    value = _plain(value, rule)
    settings.check_value(name, value, rule)
    *sections, field = name.split(".")
    section = made
    for part in sections:
        if part not in section:
            section[part] = ml_collections.ConfigDict()
        section = section[part]
    with section.unlocked(), section.ignore_type():
        section[field] = value


def _plain(value: Any, rule: setting_rules.Rule) -> Any:
    """The value as a config file would have it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, int) and not isinstance(value, bool):
        kinds: dict[type, Callable[[int], Any]] = {
            setting_rules.Classes: str,
            setting_rules.Real: float,
        }
        return kinds.get(type(rule), int)(value)
    return value


def _read(name: str) -> ml_collections.ConfigDict:
    # A drive letter of Windows is followed by a backslash, a variant never is.
    place, _, variant = name.partition(":") if ":\\" not in name else (name, "", "")
    getter = _getter(place)
    takes = list(inspect.signature(getter).parameters)
    if variant and not takes:
        raise UserError(f"the config {place} has no variants; leave out :{variant}")
    try:
        made = getter(variant) if variant else getter()
    except UserError:
        raise
    except Exception as error:  # A config is a program: anything may happen in it.
        raise UserError(f"the config {name}: {type(error).__name__}: {error}") from error
    if not isinstance(made, ml_collections.ConfigDict):
        raise UserError(f"{place}: get_config() must return an ml_collections.ConfigDict")
    return made


def _getter(place: str) -> Callable[..., Any]:
    """`get_config` of a config of ours or of a file."""
    path = pathlib.Path(place)
    ours = path.stem in shipped() and place in (path.stem, f"configs/{path.stem}.py")
    if ours and not path.is_file():
        module = importlib.import_module(f"configs.{path.stem}")
    elif path.is_file():
        module = _module(path)
    else:
        raise UserError(
            f"there is no config {place}; name a file such as my_config.py, or one of "
            f"{', '.join(shipped())}"
        )
    if not callable(getattr(module, "get_config", None)):
        raise UserError(f"{place} defines no get_config(); see configs/common.py")
    return module.get_config


def _module(path: pathlib.Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"_config_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is no Python file; a config is a .py file with get_config()")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except UserError:
        raise
    except Exception as error:  # A config is a program: anything may happen in it.
        raise UserError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
    return module
