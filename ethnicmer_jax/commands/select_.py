"""Chooses a point of a sweep for every subject, on the other subjects only.

python -m ethnicmer_jax sweep --config=configs/tuning.py --workdir=DIR
python -m ethnicmer_jax select --workdir=DIR [--output=DIR/selected]

The points have to be jobs of the protocol `nested`. For each subject held out, the point
with the best UF1 in the inner folds over the others predicts that subject. What comes out
is an ordinary work directory with predictions.csv, metrics.json and report/, and
selection.csv: the choice for every subject and what it was based on.
"""

from __future__ import annotations

from absl import flags

from ethnicmer_jax.base import cli

_WORKDIR = flags.DEFINE_string("workdir", None, "Directory of a finished sweep.")
_OUTPUT = flags.DEFINE_string("output", None, "Where to write; by default selected/ in it.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace another selection in --output.")


def main() -> None:
    """Selects as the flags say."""
    sweep = cli.directory_of(_WORKDIR)
    output = cli.directory_of(_OUTPUT) if _OUTPUT.value else sweep / "selected"
    # pandas and figures take seconds to import; who asks for help is spared them.
    from ethnicmer_jax.jobs.sweep import selection

    selection.write(sweep, output, overwrite=_OVERWRITE.value)
