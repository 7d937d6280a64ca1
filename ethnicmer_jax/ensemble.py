"""Averages the probabilities of runs that differ in their seed (or job) into one prediction.

python -m ethnicmer_jax.ensemble --workdir=DIR [--workdir=DIR2 ...] --output=DIR3

Nothing is chosen or fitted: every member counts the same, and every clip is predicted only
by models that have not seen its subject. DIR3 is an ordinary work directory with one run
for each arm and draw.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Sequence

import pandas as pd
from absl import flags

from ethnicmer_jax import cli, derived, predictions, workdir
from ethnicmer_jax.predictions import ROW_KEY, TEXT_COLUMNS, Predictions
from ethnicmer_jax.schema import UserError

_SEED = re.compile(r"-seed\d+$")

_WORKDIR = flags.DEFINE_multi_string("workdir", [], "A finished job; may be given repeatedly.")
_OUTPUT = flags.DEFINE_string("output", None, "The work directory to write.")


def main(argv: Sequence[str]) -> None:
    """Averages as the flags say."""
    if len(argv) > 1:
        raise UserError(f"what is {argv[1]!r}? Options begin with --, see --help")
    if not _WORKDIR.value or not _OUTPUT.value:
        raise UserError("--workdir and --output are needed, see --help")
    sources = [pathlib.Path(name) for name in _WORKDIR.value]
    output = pathlib.Path(_OUTPUT.value)
    if output.resolve() in [source.resolve() for source in sources]:
        raise UserError("--output is one of the jobs; name a new directory")
    tables = [predictions.read(source / "predictions.csv").outer() for source in sources]
    table, members = averaged(tables)
    config = workdir.read_json(sources[0] / "config.json")
    names = ", ".join(str(workdir.read_json(s / "config.json")["name"]) for s in sources)
    config |= {"name": f"{names}, averaged", "averaged": [str(source) for source in sources]}
    derived.write(output, config, table, [f"every clip: the mean over {members} models"])


def averaged(tables: Sequence[Predictions]) -> tuple[Predictions, int]:
    """One prediction a clip of every arm and draw, the mean over seeds and tables.

    Args:
      tables: predictions over the same folds and clips.

    Returns:
      The averaged predictions, whose runs have lost their seed, and the number of models
      that each of them averages.

    Raises:
      UserError: classes differ, labels differ, or some clips have more predictions than
        others.
    """
    if len({table.classes for table in tables}) > 1:
        raise UserError("the jobs differ in their classes and cannot be averaged")
    rows = pd.concat([table.table for table in tables], ignore_index=True)
    rows["run"] = rows["run"].str.replace(_SEED, "", regex=True)
    grouped = rows.groupby(list(ROW_KEY), sort=False)
    sizes = grouped.size()
    if sizes.nunique() > 1:
        raise UserError(
            f"some clips have {sizes.max()} predictions and {' / '.join(sizes.idxmin())} has "
            f"{sizes.min()}; average jobs over the same folds"
        )
    labels = [name for name in TEXT_COLUMNS if name not in ROW_KEY]
    if (grouped[labels].nunique() > 1).any(axis=None):
        raise UserError("the jobs disagree on the label of a clip and cannot be averaged")
    heads = [name for name in rows.columns if name.startswith(("p_", "q_"))]
    means = grouped.agg({**dict.fromkeys(labels, "first"), **dict.fromkeys(heads, "mean")})
    return Predictions.from_table(means.reset_index()), int(sizes.iloc[0])


if __name__ == "__main__":
    cli.run(main)
