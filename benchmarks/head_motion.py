"""What is gained by taking the head's movement out of the flow, on drawn clips, in one run.

    python -m benchmarks.head_motion

Clips with small and with large drift, blinks, changing light and sensor noise; for each kind
of stabilisation the end-point error and the correlation against the true motion of the skin
alone, and UF1 and UAR of LOSO with STSTNet. Appends them to benchmarks/RESULTS.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from absl import flags

from benchmarks import drawn_clips, results
from data_builders.pixels import flow, stabilise
from data_builders.simulation.options import SimulatedOptions
from ethnicmer_jax.base import cli
from ethnicmer_jax.base.crop import CropGeometry

FILMS: Mapping[str, SimulatedOptions] = {
    "drift .3 px": SimulatedOptions(blinks=0.33, lighting=5.0),
    "drift 1.5 px, sway .5 px": SimulatedOptions(
        head_jitter=1.5, head_sway=0.5, blinks=0.33, lighting=5.0
    ),
}


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_integer("clips", 0, "How many clips; 0 for all 242.", lower_bound=0)
    flags.DEFINE_integer("seeds", 3, "Runs of LOSO; 0 for errors only.", lower_bound=0)
    flags.DEFINE_integer("epochs", 20, "Epochs of every fold.", lower_bound=1)
    flags.DEFINE_enum("flow", "tvl1", list(flow.METHODS), "Optical flow method.")
    flags.DEFINE_string("results", "benchmarks/RESULTS.md", "File to append to; empty for none.")


def main() -> None:
    """Measures every kind on every film."""
    given = flags.FLAGS
    table = results.Table.opened(given.results, "Head motion")
    geometry = CropGeometry.of_margin()
    for film, options in FILMS.items():
        (crops,) = drawn_clips.crop(options, [geometry], given.clips)
        seen = drawn_clips.estimate(crops, given.flow, os.cpu_count() or 1)
        for kind in stabilise.KINDS:
            uv = stabilise.without_head(seen, geometry, kind)
            wrong = drawn_clips.error(crops, uv, crops.skin)
            agreed = drawn_clips.correlation(crops, uv, crops.skin)
            clips = f"{len(uv)} clips, {given.flow}, {film}"
            row = [clips, kind, f"{wrong:.2f} px", f"{agreed:.3f}"]
            if given.seeds:
                scores = drawn_clips.loso(drawn_clips.records(crops, uv), given.seeds, given.epochs)
                table.add([results.today(), *row, *(f"{score:.3f}" for score in scores)])
            else:
                print(" | ".join(row), flush=True)


if __name__ == "__main__":
    define_flags()
    cli.run(main)
