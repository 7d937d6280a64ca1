"""Every command beside the main job: `python -m ethnicmer_jax COMMAND`; alone, it lists them."""

from __future__ import annotations

import ast
import importlib
import pathlib
import pkgutil
import sys

from ethnicmer_jax import commands
from ethnicmer_jax.base import cli

_OTHERS = {
    "python -m ethnicmer_jax.main": "The main job: --config=configs/X.py --workdir=DIR.",
    "python -m data_builders.build": "Builds a database from raw clips.",
    "python -m data_builders.annotate": "Annotates subjects with an ethnicity.",
}


def main() -> None:
    """Starts the command that the first argument names, or lists all of them."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("--help", "-help", "-h", "help"):
        print(_listing())  # noqa: T201
        return
    if name == "main":
        sys.exit(cli.refuse("the main job is a module of its own: python -m ethnicmer_jax.main"))
    modules = {found.rstrip("_"): found for found in _modules()}
    if name not in modules:
        sys.exit(cli.refuse(f"there is no command {name!r}; choose one of {', '.join(modules)}"))
    sys.argv = [f"ethnicmer_jax {name}", *arguments]
    module = importlib.import_module(f"{commands.__name__}.{modules[name]}")
    cli.run(module.main, module.__name__, getattr(module, "ARGUMENTS", ""))


def _modules() -> list[str]:
    """The modules in commands/; a trailing underscore is not part of a command's name."""
    return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))


def _listing() -> str:
    """One line per command: its name and the first line of its docstring."""
    lines = {f"  {name.rstrip('_')}": _first_line(name) for name in _modules()}
    width = max(map(len, [*lines, *(f"  {name}" for name in _OTHERS)])) + 2
    ours = [f"{name:{width}}{line}" for name, line in lines.items()]
    others = [f"{f'  {name}':{width}}{line}" for name, line in _OTHERS.items()]
    return "\n".join(
        [
            "usage: python -m ethnicmer_jax COMMAND [--help] [--FLAG=VALUE ...] [ARGUMENT ...]",
            *("", "commands:", *ours),
            *("", "and, as modules of their own:", *others),
        ]
    )


def _first_line(name: str) -> str:
    # Read, not imported: two commands define flags of the same names.
    source = pathlib.Path(commands.__path__[0], f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


if __name__ == "__main__":
    main()
