"""Averages the probabilities of runs that differ in their seed (or job) into one prediction.

python -m ethnicmer_jax ensemble --workdir=DIR [--workdir=DIR2 ...] --output=DIR3

Nothing is chosen or fitted: every member counts the same, and every clip is predicted only
by models that have not seen its subject. DIR3 is an ordinary work directory with one run
for each arm and draw.
"""

from __future__ import annotations

from absl import flags

from ethnicmer_jax.base import cli
from ethnicmer_jax.base.schema import UserError

_WORKDIR = flags.DEFINE_multi_string("workdir", [], "A finished job; may be given repeatedly.")
_OUTPUT = flags.DEFINE_string("output", None, "The work directory to write.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace the mean of other jobs in --output.")


def main() -> None:
    """Averages as the flags say."""
    if not _WORKDIR.value:
        raise UserError("--workdir is needed, see --help")
    sources = [cli.directory(_WORKDIR.name, name) for name in _WORKDIR.value]
    output = cli.directory_of(_OUTPUT)
    # pandas and figures take seconds to import; who asks for help is spared them.
    from ethnicmer_jax.jobs import ensemble

    ensemble.write(sources, output, overwrite=_OVERWRITE.value)
