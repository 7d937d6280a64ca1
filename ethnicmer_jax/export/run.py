"""Writes what an export asks for."""

from __future__ import annotations

from ethnicmer_jax.base import lock, writable
from ethnicmer_jax.export import program, request, torch_file
from ethnicmer_jax.export.request import Request


def run(asked: Request) -> str:
    """Writes the file, whole or not at all, and says in one line what is in it.

    Raises:
      UserError: there is no such network, it has no such branch, or the file is there or another
        process makes it.
    """
    with lock.held_output(asked.output):
        writable.check(asked.output, asked.overwrite)
        return _written(asked)


def _written(asked: Request) -> str:
    networks = request.networks(asked)
    if asked.format == request.SAFETENSORS:
        return f"{asked.output}: {torch_file.write(asked.output, networks[0], asked.branch)}"
    about = program.write(asked.output, networks, asked.platforms)
    names = networks[0].name if len(networks) == 1 else f"the mean of {len(networks)} networks"
    inputs = ", ".join(f"{name} {tuple(what['shape'])}" for name, what in about["inputs"].items())
    return f"{asked.output}: {names}; takes {inputs}; runs on {', '.join(about['platforms'])}"
