"""Averages the probabilities of runs that differ in their seed (or job) into one prediction.

python -m ethnicmer_jax.ensemble --workdir=DIR [--workdir=DIR2 ...] --output=DIR3

Nothing is chosen or fitted: every member counts the same, and every clip is predicted only
by models that have not seen its subject. DIR3 is an ordinary work directory with one run
for each arm and draw.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from absl import flags

from ethnicmer_jax import cli
from ethnicmer_jax.ensemble import averaging
from ethnicmer_jax.schema import UserError

_WORKDIR = flags.DEFINE_multi_string("workdir", [], "A finished job; may be given repeatedly.")
_OUTPUT = flags.DEFINE_string("output", None, "The work directory to write.")


def main(argv: Sequence[str]) -> None:
    """Averages as the flags say."""
    if len(argv) > 1:
        raise UserError(f"what is {argv[1]!r}? Options begin with --, see --help")
    if not _WORKDIR.value or not _OUTPUT.value:
        raise UserError("--workdir and --output are needed, see --help")
    sources = [pathlib.Path(name) for name in _WORKDIR.value]
    averaging.write(sources, pathlib.Path(_OUTPUT.value))


if __name__ == "__main__":
    cli.run(main)
