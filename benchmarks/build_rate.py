"""How fast clips are computed, against the builder up to November 2026, in one run.

    python -m benchmarks.build_rate

Frames on disk (drawn faces as JPEG) go the whole way: decoding, RetinaFace, crop, TV-L1 flow,
cache. Before, each process computed whole clips with scikit-image's flow; now flow has a process
of its own (`database.parallel`). Both take turns. Rates count the start of the processes and the
compilation; CPU seconds tell what other load on the machine hides. Prints a row for
benchmarks/RESULTS.md and appends it there.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from absl import flags

from benchmarks import results
from benchmarks.skimage_flow import by_skimage
from data_builders.database import parallel, pipeline
from data_builders.database.cache import ClipCache, Pixels
from data_builders.database.pipeline import BuildOptions, Job
from data_builders.pixels import faces, flow
from data_builders.simulation.options import SimulatedOptions
from data_builders.sources import simulated
from data_builders.sources.base import ClipTask, FramePair
from ethnicmer_jax.base import cli

_CLIPS = flags.DEFINE_integer("clips", 242, "How many clips to compute.", lower_bound=1)
_WORKERS = flags.DEFINE_integer("workers", 2, "Processes.", lower_bound=2)
_SIZE = flags.DEFINE_integer("crop_size", BuildOptions().crop_size, "Side of the crops, pixels.")
_ROUNDS = flags.DEFINE_integer("rounds", 2, "How often both take turns.", lower_bound=1)
_RESULTS = flags.DEFINE_string("results", "benchmarks/RESULTS.md", "File to append to.")

Work = Callable[[Sequence[Job], BuildOptions, ClipCache], None]


@dataclasses.dataclass(frozen=True)
class Cost:
    """What some clips took: seconds on the clock, and of all cores together."""

    wall: float
    cpu: float


def main() -> None:
    """Measures both."""
    table = results.Table.opened(_RESULTS.value, "Building a database")
    with tempfile.TemporaryDirectory() as folder:
        tasks = list(_on_disk(pathlib.Path(folder), _CLIPS.value))
        options = BuildOptions(workers=_WORKERS.value, crop_size=_SIZE.value)
        jobs = pipeline.jobs(tasks, options)
        turns = [(_cost(_before, jobs, options), _cost(_now, jobs, options)) for _ in _rounds()]
        table.add(_cells(turns, len(jobs), _stages(tasks[:20], options)))


def _rounds() -> range:
    return range(_ROUNDS.value)


def _on_disk(folder: pathlib.Path, count: int) -> Iterator[ClipTask]:
    """Drawn clips whose frames are files, as those of a database are."""
    for task in simulated.list_clips(SimulatedOptions()).tasks[:count]:
        name = task.key.replace("/", "-")
        paths = [folder / f"{name}-{frame}.jpg" for frame in ("onset", "apex")]
        assert isinstance(task.motion, simulated.DrawnClip)
        for path, image in zip(paths, task.motion.read(), strict=True):
            cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        yield dataclasses.replace(task, motion=FramePair(*paths))


def _now(jobs: Sequence[Job], options: BuildOptions, cache: ClipCache) -> None:
    problems = pipeline.process(jobs, options, cache)
    if problems:
        raise RuntimeError(f"{len(problems)} clips failed: {problems[0]}")


def _before(jobs: Sequence[Job], options: BuildOptions, cache: ClipCache) -> None:
    work = functools.partial(_whole_clip, options=options, cache=cache)
    for _ in parallel.in_two_stages(work, _nothing, jobs, options.workers):
        pass


def _whole_clip(job: Job, options: BuildOptions, cache: ClipCache) -> str:
    assert isinstance(job.task.motion, FramePair)
    crops = pipeline.cut_out(job.task.motion, options)
    record = flow.to_record(by_skimage(crops.onset, crops.apex), options.flow_size)
    images = crops.onset_image, crops.apex_image
    cache.store(job.key, Pixels(record, "percent_of_width", *images, crops.notes))
    return job.key


def _nothing(crops: Sequence[parallel.Unfinished]) -> list[str]:
    return []


def _cost(work: Work, jobs: Sequence[Job], options: BuildOptions) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        start, used = time.perf_counter(), _cpu_seconds()
        work(jobs, options, ClipCache(pathlib.Path(folder)))
        return Cost(time.perf_counter() - start, _cpu_seconds() - used)


def _cpu_seconds() -> float:
    """Of this process and of those of its children that have ended."""
    return sum(os.times()[:4])


def _stages(tasks: Sequence[ClipTask], options: BuildOptions) -> dict[str, float]:
    """Milliseconds of CPU that each stage takes for one clip, in this process; medians."""
    cv2.setNumThreads(1)
    taken: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        cache = ClipCache(pathlib.Path(folder))
        for _ in range(2):  # the first round compiles
            taken = {}
            for number, task in enumerate(tasks):
                assert isinstance(task.motion, FramePair)
                stage = functools.partial(_timed, taken)
                frames = stage("read", task.motion.read)
                pair = stage("face", faces.crop_pair, *frames, options.faces())
                grey = flow.grey(pair.onset), flow.grey(pair.apex)
                stage("flow before", by_skimage, *grey)
                uv = stage("flow now", flow.compute, *grey)
                record = stage("record", flow.to_record, uv, options.flow_size)
                pixels = Pixels(record, "percent_of_width", pair.onset, pair.apex)
                stage("store", cache.store, f"{number:064}", pixels)
    return {name: float(np.median(values)) for name, values in taken.items()}


def _timed(taken: dict[str, list[float]], stage: str, work: Callable, *arguments: object):
    start = time.process_time()
    result = work(*arguments)
    taken.setdefault(stage, []).append(1e3 * (time.process_time() - start))
    return result


def _cells(turns: Sequence[tuple[Cost, Cost]], clips: int, stages: dict[str, float]) -> list[str]:
    before, now = (
        Cost(sum(c.wall for c in costs), sum(c.cpu for c in costs))
        for costs in zip(*turns, strict=True)
    )
    total = clips * len(turns)
    return [
        results.today(),
        f"{clips} clips of JPEG frames, {_SIZE.value} px",
        str(_WORKERS.value),
        f"{total / before.wall:.2f} clips/s, {1e3 * before.cpu / total:.0f} ms",
        f"{total / now.wall:.2f} clips/s, {1e3 * now.cpu / total:.0f} ms",
        f"**{before.wall / now.wall:.2f}**, {before.cpu / now.cpu:.2f}",
        ", ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in stages.items()),
    ]


if __name__ == "__main__":
    cli.run(main)
