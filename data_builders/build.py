"""Builds a database from the command line: raw clips in, a TFDS directory out.

    python -m data_builders.build --source=manifest --raw=clips/manifest.csv --data_dir=data

prints the directory that `ethnicmer_jax.dataset.load` and `tfds.builder_from_directory` read.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from data_builders import flow
from data_builders.beam import BeamRunner
from data_builders.database import ensure
from data_builders.faces import DETECTORS
from data_builders.pipeline import BuildOptions
from data_builders.sources import registry
from ethnicmer_jax import cli
from ethnicmer_jax.schema import UserError

__all__ = ["ensure"]


def define_flags() -> None:
    """Defines the flags of this command; not on import, where they would be everyone's."""
    defaults = BuildOptions()
    flags.DEFINE_enum("source", registry.SIMULATED, registry.SOURCES, "Kind of raw database.")
    flags.DEFINE_string("raw", "", "Folder of the raw database, or the manifest's CSV file.")
    flags.DEFINE_string("data_dir", "data", "TFDS data directory to build into.")
    flags.DEFINE_bool("strict", defaults.strict, "Fail on every reported problem; build nothing.")
    flags.DEFINE_enum("flow", defaults.flow_method, list(flow.METHODS), "Optical flow method.")
    flags.DEFINE_integer("flow_size", defaults.flow_size, "Side of the stored flow, pixels.")
    flags.DEFINE_integer("image_size", defaults.image_size, "Side of the stored crops, pixels.")
    flags.DEFINE_integer("crop_size", defaults.crop_size, "Side of the crops flow is seen on.")
    flags.DEFINE_enum(
        "detector", defaults.detector, DETECTORS, "Face detector; none: frames come cropped."
    )
    flags.DEFINE_float("margin", defaults.margin, "Share of the face added on every side.")
    flags.DEFINE_bool("align", defaults.align, "Bring the eyes to the same place in every crop.")
    flags.DEFINE_integer("workers", defaults.workers, "Parallel processes.", lower_bound=1)
    flags.DEFINE_string("beam", "", "Build with this Apache Beam runner, such as DirectRunner.")
    flags.DEFINE_multi_string("beam_option", [], "An option of the Beam runner; repeatable.")


def main(argv: Sequence[str]) -> None:
    """The command."""
    if len(argv) > 1:
        raise UserError(f"what is {argv[1]!r}? Options begin with --, see --help")
    given = flags.FLAGS
    options = BuildOptions(
        flow_method=given.flow,
        **{
            name: given[name].value
            for name in (
                *("flow_size", "image_size", "detector", "crop_size"),
                *("margin", "align", "workers", "strict"),
            )
        },
    )
    runner = BeamRunner(given.beam, tuple(given.beam_option)) if given.beam else None
    data_dir = pathlib.Path(given.data_dir)
    database = ensure(given.source, given.raw, data_dir, options, runner=runner)
    sys.stdout.write(f"{database}\n")


if __name__ == "__main__":
    define_flags()
    cli.run(main)
