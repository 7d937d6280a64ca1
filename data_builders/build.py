"""Builds a database from the command line: raw clips in, a TFDS directory out.

    python -m data_builders.build --source=manifest --raw=clips/manifest.csv --data_dir=data

prints the directory that `ethnicmer_jax.dataset.load` and `tfds.builder_from_directory` read.
"""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from typing import Any

from absl import flags

from data_builders.database.pipeline import BuildOptions
from data_builders.pixels import flow, stabilise
from data_builders.pixels.faces import DETECTORS
from data_builders.simulation.options import from_text
from data_builders.sources import manifest_draft, registry
from data_builders.sources.export import writing
from data_builders.sources.registry import Request
from ethnicmer_jax.base import cli, writable
from ethnicmer_jax.base.schema import UserError


def define_flags() -> None:
    """Defines the flags of this command; not on import, where they would be everyone's."""
    defaults = BuildOptions()
    flags.DEFINE_string("source", registry.SIMULATED, f"What to build from: {registry.KINDS}.")
    flags.DEFINE_string("raw", "", registry.RAW_HELP)
    flags.DEFINE_string("data_dir", "data", "TFDS data directory to build into.")
    flags.DEFINE_string("ethnicity", "", "Table of ethnicities, from data_builders.annotate.")
    flags.DEFINE_bool("allow_outside", False, registry.OUTSIDE_HELP)
    flags.DEFINE_multi_string(
        "simulated", [], "A simulation option as name=value, such as effect=1; repeatable."
    )
    flags.DEFINE_string(
        "export",
        "",
        "Write simulated clips into --raw in the layout of this database, or of several joined "
        f"by +; build nothing. One of {', '.join(writing.LAYOUTS)}.",
    )
    flags.DEFINE_string(
        "init-manifest",
        "",
        "Draft a manifest of the clips in this folder tree into --raw (by default manifest.csv in "
        "it); build nothing.",
    )
    flags.DEFINE_bool("check", False, "Only say what is in --raw and what is missing.")
    flags.DEFINE_string("problems_csv", "", "With --check, write every problem to this table.")
    flags.DEFINE_bool("strict", defaults.strict, "Fail on every reported problem; build nothing.")
    flags.DEFINE_enum("flow", defaults.flow_method, list(flow.METHODS), "Optical flow method.")
    flags.DEFINE_integer("flow_size", defaults.flow_size, "Side of the stored flow, pixels.")
    flags.DEFINE_integer("image_size", defaults.image_size, "Side of the stored crops, pixels.")
    flags.DEFINE_integer("crop_size", defaults.crop_size, "Side of the crops flow is seen on.")
    flags.DEFINE_enum(
        "detector", defaults.detector, DETECTORS, "Face detector; none: frames come cropped."
    )
    flags.DEFINE_float("margin", defaults.margin, "Share of the crop added on every side.")
    flags.DEFINE_enum(
        "stabilise", defaults.stabilise, stabilise.KINDS, "Head movement taken out of the flow."
    )
    flags.DEFINE_bool("align", defaults.align, "Bring the eyes to the same place in every crop.")
    flags.DEFINE_integer("workers", defaults.workers, "Parallel processes.", lower_bound=1)
    flags.DEFINE_string("beam", "", "Build with this Apache Beam runner, such as DirectRunner.")
    flags.DEFINE_multi_string("beam_option", [], "An option of the Beam runner; repeatable.")


def main() -> None:
    """The command."""
    given = flags.FLAGS
    if given.export:
        _export(given)
        return
    if given["init-manifest"].value:
        out = pathlib.Path(given.raw) if given.raw else None
        lines = manifest_draft.write(pathlib.Path(given["init-manifest"].value), out)
        sys.stdout.write("\n".join(lines) + "\n")
        return
    ethnicity = pathlib.Path(given.ethnicity) if given.ethnicity else None
    # TFDS takes a second to import; who asks for help is spared it.
    from data_builders.database import check_screen
    from data_builders.database.beam import BeamRunner
    from data_builders.database.ensure import ensure

    simulated = from_text(given.simulated)
    request = Request(given.source, given.raw, simulated, ethnicity, given.allow_outside)
    if given.check:
        table = pathlib.Path(given.problems_csv) if given.problems_csv else None
        if table is not None:
            writable.check(table)
        check_screen.report(request, table, strict=given.strict)
        return
    runner = BeamRunner(given.beam, tuple(given.beam_option)) if given.beam else None
    data_dir = pathlib.Path(given.data_dir)
    database = ensure(**vars(request), data_dir=data_dir, options=_options(given), runner=runner)
    sys.stdout.write(f"{database}\n")


def _export(given: flags.FlagValues) -> None:
    if given.source != registry.SIMULATED or not given.raw:
        raise UserError(
            "--export writes simulated clips: give --raw, a new folder, and no --source"
        )
    writing.write(from_text(given.simulated), pathlib.Path(given.raw), given.export)
    sys.stdout.write(f"{given.raw}\n")


def _options(given: flags.FlagValues) -> BuildOptions:
    names = {field.name: field.name for field in dataclasses.fields(BuildOptions)}
    names["flow_method"] = "flow"
    values: dict[str, Any] = {name: given[flag].value for name, flag in names.items()}
    return BuildOptions(**values)


if __name__ == "__main__":
    define_flags()
    cli.run(main)
