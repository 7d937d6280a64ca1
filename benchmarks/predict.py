"""How long a clip takes from the file to its probabilities, once everything is loaded.

    python -m benchmarks.predict --workdir=runs/baseline

A drawn film of 100 frames of 640×480 pixels, of which nothing is coded. `start` is what a process
takes once: imports, restoring, compiling, and the first clip; `clip` the median of the next ones.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import tempfile
import time

import cv2
import numpy as np
from absl import flags

from ethnicmer_jax.base import cli, environment

FRAMES, WIDTH, HEIGHT = 100, 640, 480

_WORKDIR = flags.DEFINE_string("workdir", None, "Directory of a finished job with networks.")
_CLIPS = flags.DEFINE_integer("clips", 5, "Films that are timed after the first.", lower_bound=1)


def films(folder: pathlib.Path, count: int) -> list[pathlib.Path]:
    """Drawn films of different clips, onset first, as MJPEG files."""
    from data_builders.simulation.options import SimulatedOptions, parse_cohorts
    from data_builders.sources import simulated

    options = SimulatedOptions(cohorts=parse_cohorts("sim:Asian:4,sim:White:4"))
    tasks = simulated.list_clips(options).tasks[:count]
    return [_film(folder / f"{number}.avi", task.motion) for number, task in enumerate(tasks)]


def _film(path: pathlib.Path, drawn) -> pathlib.Path:
    code = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 100.0, (WIDTH, HEIGHT))
    last = drawn.spec.offset
    for number in range(drawn.spec.onset, drawn.spec.onset + FRAMES):
        writer.write(_framed(drawn.frame(min(number, last))))
    writer.release()
    return path


def _framed(image: np.ndarray) -> np.ndarray:
    """A drawn frame in the middle of a camera's, BGR."""
    square = cv2.resize(image, (HEIGHT, HEIGHT), interpolation=cv2.INTER_AREA)
    beside = (WIDTH - HEIGHT) // 2
    wide = cv2.copyMakeBorder(square, 0, 0, beside, beside, cv2.BORDER_REPLICATE)
    return cv2.cvtColor(wide, cv2.COLOR_RGB2BGR)


def main() -> None:
    """Times predictions and prints seconds."""
    workdir = cli.directory_of(_WORKDIR)
    environment.prefer_core_devices()
    with tempfile.TemporaryDirectory() as folder:
        paths = films(pathlib.Path(folder), _CLIPS.value + 1)
        begin = time.perf_counter()
        from ethnicmer_jax import inference
        from ethnicmer_jax.predict.request import Request
        from ethnicmer_jax.predict.run import run

        trained = inference.open(workdir)
        seconds = [time.perf_counter() - begin]
        for path in paths:
            begin = time.perf_counter()
            made = run(trained, Request([path], detector="retinaface"))
            assert len(made.seen) == 1, made.failures
            seconds.append(time.perf_counter() - begin)
    opened, first, *others = seconds
    print(f"cores: {os.cpu_count()}; networks: {made.table['networks'][0]}")
    print(f"start: {opened + first:.2f} s (open {opened:.2f}, compile and first clip {first:.2f})")
    print(f"clip: {statistics.median(others):.2f} s (least {min(others):.2f}, of {len(others)})")


if __name__ == "__main__":
    cli.run(main)
