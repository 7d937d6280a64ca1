"""How far the found apex is from the true one, on drawn films of known apex.

    python -m benchmarks.apex [--results=benchmarks/RESULTS.md] [--figure=apex.png]

prints a table of frame rate × disturbance, and appends it to a file: error in frames (median,
90th percentile), share of films within 2 frames, the mean confidence and its correlation with
the error; then how often films of a confidence are within 2 frames. The figure shows some of the
curves. Every film goes the whole way: JPEG frames of 400 pixels, RetinaFace, `pixels/apex.py`.
"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
from absl import flags
from matplotlib import pyplot as plt

from benchmarks import pictures, results
from data_builders.pixels import apex
from data_builders.pixels.apex import FoundApex
from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from data_builders.sources import simulated
from ethnicmer_jax.base import cli
from ethnicmer_jax.base.progress import Progress

_FPS = flags.DEFINE_list("fps", ["25", "50", "100", "200"], "Frame rates.")
_CLIPS = flags.DEFINE_integer("clips", 12, "Films of each frame rate and kind.", lower_bound=3)
_SEED = flags.DEFINE_integer("seed", 100, "Of the simulation.")
_KINDS = flags.DEFINE_list("kinds", [], "Kinds of films; all by default.")
_FIGURE = flags.DEFINE_string("figure", "", "Where to draw curves, a PNG file.")
_RESULTS = flags.DEFINE_string("results", "", "File to append to; none by default.")

_DRIFT = {"head_sway": 1.5, "head_jitter": 1.0}
_ALL = {**_DRIFT, "blinks": 2.0, "lighting": 20.0}

KINDS: Mapping[str, Mapping[str, Any]] = {
    "JPEG only": {},
    "blinks": {"blinks": 4.0},
    "drift": _DRIFT,
    "light": {"lighting": 20.0},
    "all": _ALL,
    "weak": {**_ALL, "intensity": 1.0},
    "no motion": {**_ALL, "intensity": 0.0},
}
"""Name -> options of the simulation beside JPEG of quality 80 and the default sensor noise."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """One film.

    Attributes:
      kind, fps: which.
      true: position of the true apex.
      found: what the finder says.
      seconds: processor time of the finder.
    """

    kind: str
    fps: int
    true: int
    found: FoundApex
    seconds: float

    @property
    def error(self) -> int:
        """Frames between the found and the true apex."""
        return abs(self.found.index - self.true)


def main() -> None:
    """Measures, prints, appends, draws."""
    kinds = [kind for kind in KINDS if not _KINDS.value or kind in _KINDS.value]
    cells = [(kind, int(fps)) for kind in kinds for fps in _FPS.value]
    trials: list[Trial] = []
    table = results.Table.opened(_RESULTS.value, "Finding the apex")
    with Progress[None]("films", total=len(cells) * _CLIPS.value, unit="film") as progress:
        for kind, fps in cells:
            cell = []
            for trial in _trials(kind, fps):
                cell.append(trial)
                progress.update()
            table.add([results.today(), *_cells(cell)])
            trials += cell
    print(_reliability(trials))
    if _FIGURE.value:
        _draw(trials, pathlib.Path(_FIGURE.value))


def _trials(kind: str, fps: int) -> Iterator[Trial]:
    options = SimulatedOptions(
        seed=_SEED.value,
        cohorts=parse_cohorts("sim:Asian:6,simgrey:White:6:grey"),
        clips_per_subject=-(-_CLIPS.value // 12) + 2.0,
        jpeg=80,
        fps=float(fps),
        **KINDS[kind],
    )
    motions = [task.motion for task in simulated.list_clips(options).tasks]
    clips = [motion for motion in motions if isinstance(motion, simulated.DrawnClip)]
    for clip in clips[:: len(clips) // _CLIPS.value][: _CLIPS.value]:
        spec = clip.spec
        frames = [(n, clip.frame(n)) for n in range(spec.onset, spec.offset + 1)]
        start = time.process_time()
        found = apex.find(frames)
        yield Trial(kind, fps, spec.apex - spec.onset, found, time.process_time() - start)


def _cells(cell: list[Trial]) -> list[str]:
    """Those of one row of the table, from the kind on."""
    errors = np.array([trial.error for trial in cell])
    sure = np.array([trial.found.confidence for trial in cell])
    defined = errors.std() > 0 and sure.std() > 0
    correlation = f"{np.corrcoef(errors, sure)[0, 1]:.2f}" if defined else "-"
    frames = sum(len(trial.found.numbers) for trial in cell)
    pace = 1000 * sum(trial.seconds for trial in cell) / frames
    return [
        cell[0].kind,
        str(cell[0].fps),
        str(len(cell)),
        f"{np.median(errors):g}",
        f"{np.quantile(errors, 0.9):.1f}",
        f"{np.mean(errors <= 2):.0%}",
        f"{sure.mean():.2f}",
        correlation,
        f"{pace:.0f}",
    ]


def _reliability(trials: list[Trial]) -> str:
    """How often films of a confidence are within 2 frames."""
    sure = np.array([trial.found.confidence for trial in trials])
    right = np.array([trial.error <= 2 for trial in trials])
    edges = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
    lines = []
    for low, high in itertools.pairwise(edges):
        inside = (sure >= low) & ((sure < high) | (high == 1.0))
        if inside.any():
            mean, share = sure[inside].mean(), right[inside].mean()
            lines.append(
                f"confidence {low:g} to {high:g}: {inside.sum()} films, mean {mean:.2f}, "
                f"within 2 frames {share:.2f}"
            )
    return "\n".join(lines)


def _draw(trials: list[Trial], path: pathlib.Path) -> None:
    """Curves of some films of the highest frame rate, with the true and the found apex."""
    fastest = max(trial.fps for trial in trials)
    shown = [
        [trial for trial in trials if (trial.kind, trial.fps) == (kind, fastest)][:3]
        for kind in dict.fromkeys(trial.kind for trial in trials)
    ]
    figure, axes = plt.subplots(
        len(shown), 3, figsize=(10, 1.7 * len(shown)), squeeze=False, layout="constrained"
    )
    for row, cell in zip(axes, shown, strict=True):
        for axis, trial in zip(row, cell, strict=False):
            axis.plot(trial.found.curve, color="0.3", linewidth=1)
            axis.axvline(trial.true, color="tab:green", linewidth=1.5, label="true apex")
            axis.axvline(
                trial.found.index, color="tab:red", linewidth=1.5, linestyle="--", label="found"
            )
            axis.set_title(f"{trial.kind}, confidence {trial.found.confidence:.2f}", fontsize=8)
            axis.tick_params(labelsize=7)
    axes[0, 0].legend(fontsize=7)
    for axis in axes[-1]:
        axis.set_xlabel(f"frames since onset, {fastest} fps", fontsize=8)
    for row in axes:
        row[0].set_ylabel("skin motion", fontsize=8)
    pictures.save(figure, path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    cli.run(main)
