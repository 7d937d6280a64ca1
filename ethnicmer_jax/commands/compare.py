"""Compares results on the same clips: differences with intervals and tests.

python -m ethnicmer_jax compare runs/baseline runs/embed [...] [--output=DIR]

Names work directories or predictions.csv files; each is compared with the first. Results are
joined on clip; where they test different clips, --common keeps those that all of them test.
DIR gets a page, the figures as PDF, PNG and SVG, tables as CSV and LaTeX, comparison.json.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from absl import flags

from ethnicmer_jax.base import cli
from ethnicmer_jax.base.schema import UserError

ARGUMENTS = "RESULT RESULT..."

_OUTPUT = flags.DEFINE_string("output", None, "Directory to write page, figures and tables to.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace the comparison in --output.")
_COMMON = flags.DEFINE_bool("common", False, "Compare the clips and arms that all of them test.")
_ALL_PAIRS = flags.DEFINE_bool("all_pairs", False, "Compare every pair, not all with the first.")


def main(arguments: Sequence[str]) -> None:
    """Compares as the command line says."""
    if len(arguments) < 2:
        raise UserError(f"{arguments[0]} alone: name two or more results, see --help")
    output = cli.directory_of(_OUTPUT) if _OUTPUT.value else None
    # pandas and figures take seconds to import; who asks for help is spared them.
    from ethnicmer_jax.jobs import comparison
    from ethnicmer_jax.report import console

    found, page = comparison.write(
        [pathlib.Path(argument) for argument in arguments],
        output,
        common=_COMMON.value,
        all_pairs=_ALL_PAIRS.value,
        overwrite=_OVERWRITE.value,
    )
    console.print_differences(found.differences)
    console.print_answer([*found.notes, *found.headline, *found.conclusions])
    if page is not None:
        console.print_report(page)
