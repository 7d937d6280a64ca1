"""Computes clips: tasks in, records out, in parallel processes and resumable.

The pixels of each clip go through a `ClipCache`, so that only labels are held in memory,
a killed build goes on where it stopped, and everything that is wrong with a database is
known before the first byte of it is written.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import itertools
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import cv2
import numpy as np

from data_builders.database.cache import ClipCache, Pixels, fingerprint
from data_builders.pixels import faces, flow, flow_file
from data_builders.sources.base import ClipTask, FlowFile, FrameReader, Problem
from ethnicmer_jax.base import crop, settings
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.base.schema import ClipRecord, UserError

FACE_NOTES = "face_notes"


@dataclasses.dataclass(frozen=True)
class BuildOptions:
    """How clips are computed, and how the work is done.

    Attributes:
      flow_method: one of `flow.METHODS`; not used for clips that come as flow.
      flow_size: height and width of the stored flow, pixels.
      image_size: height and width of the stored onset and apex crops, pixels.
      detector: "retinaface", or "none" for frames that are cropped to the face already.
      crop_size: height and width of the face crops that the flow is computed on, pixels.
      margin: share of the face's size that is added on every side.
      align: whether the eyes are brought to the same place in every crop.
      workers: parallel processes; changes the time only.
      strict: whether every reported problem is a failure; changes no clip.
    """

    flow_method: str = "tvl1"
    flow_size: int = 28
    image_size: int = 112
    detector: str = "retinaface"
    crop_size: int = 224
    margin: float = crop.MARGIN
    align: bool = True
    workers: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)
    strict: bool = False

    def __post_init__(self) -> None:
        for name in ("flow_method", "flow_size", "image_size", "detector"):
            settings.check_value(name, getattr(self, name), settings.RULES[f"data.{name}"])
        settings.check_value("workers", self.workers, settings.Whole(1, 4096))
        self.faces()

    def faces(self) -> faces.FaceOptions:
        """How faces are cut out.

        Raises:
          UserError: an option is out of its range.
        """
        return faces.FaceOptions(self.detector, self.crop_size, self.margin, self.align)

    def identity(self) -> dict[str, Any]:
        """The options that the stored pixels depend on."""
        return {
            name: value
            for name, value in dataclasses.asdict(self).items()
            if name not in ("workers", "strict")
        }


def make_record(task: ClipTask, options: BuildOptions) -> ClipRecord:
    """One clip, computed.

    Raises:
      ValueError: the clip's pixels cannot be used; the message says why.
    """
    return _record(task, compute(task.motion, options))


def compute(motion: FlowFile | FrameReader, options: BuildOptions) -> Pixels:
    """Flow file, or frames -> face crops -> flow: the pixels of one clip.

    Raises:
      ValueError: a file is unreadable, or no face is found.
    """
    if isinstance(motion, FlowFile):
        return Pixels(*flow_file.read(motion.path, options.flow_size))
    pair = faces.crop_pair(*motion.read(), options.faces())
    return Pixels(
        flow.clip_flow(pair.onset, pair.apex, options.flow_method, options.flow_size),
        "percent_of_width",
        _image(pair.onset, options.image_size),
        _image(pair.apex, options.image_size),
        {
            "face_box": " ".join(map(str, pair.box)),
            "face_score": f"{pair.score:.4f}",
            FACE_NOTES: "; ".join(pair.notes),
        },
    )


@dataclasses.dataclass(frozen=True)
class Job:
    """A clip to compute, and the fingerprint of everything its pixels depend on."""

    task: ClipTask
    key: str


def jobs(tasks: Sequence[ClipTask], options: BuildOptions) -> tuple[Job, ...]:
    """The tasks with their fingerprints, sorted by database, subject and clip."""
    ordered = sorted(tasks, key=lambda task: task.labels.identity)
    identity = options.identity()
    return tuple(Job(task, fingerprint(task.motion, identity)) for task in ordered)


Outcome = tuple[str, Problem | None]
"""A clip's key, and what is wrong with it."""


def fill(job: Job, options: BuildOptions, cache: ClipCache) -> Outcome:
    """Computes one clip into the cache unless it is there already."""
    clip = job.task.key
    pixels = cache.load(job.key)
    if pixels is None:
        try:
            pixels = compute(job.task.motion, options)
        except ValueError as error:
            return clip, Problem(clip, str(error))
        cache.store(job.key, pixels)
    notes = pixels.notes.get(FACE_NOTES)
    return clip, Problem(clip, notes, fatal=False) if notes else None


def process(jobs: Sequence[Job], options: BuildOptions, cache: ClipCache) -> tuple[Problem, ...]:
    """Computes the clips that the cache does not hold yet.

    Returns:
      What is wrong with the clips, in their order: fatal where a clip could not be
      computed, not fatal where its face crop deserves a look.

    Raises:
      UserError: a worker process died.
    """
    work = functools.partial(fill, options=options, cache=cache)
    files = [job for job in jobs if isinstance(job.task.motion, FlowFile)]
    others = [job for job in jobs if not isinstance(job.task.motion, FlowFile)]
    # Starting a process takes longer than reading a few hundred flow files.
    done = itertools.chain(map(work, files), _in_parallel(work, others, options.workers))
    with Progress[None]("clips", total=len(jobs), unit="clip") as progress:
        found: dict[str, Problem | None] = {}
        for clip, problem in done:
            found[clip] = problem
            progress.update()
    problems = (found[job.task.key] for job in jobs)
    return tuple(problem for problem in problems if problem is not None)


def records(jobs: Iterable[Job], options: BuildOptions, cache: ClipCache) -> Iterator[ClipRecord]:
    """The processed clips, one at a time."""
    return (record(job, options, cache) for job in jobs)


def record(job: Job, options: BuildOptions, cache: ClipCache) -> ClipRecord:
    """One clip that `process` has computed (computed again if the cache has lost it)."""
    pixels = cache.load(job.key)
    return _record(job.task, compute(job.task.motion, options) if pixels is None else pixels)


def _in_parallel(
    work: Callable[[Job], Outcome], jobs: Sequence[Job], workers: int
) -> Iterator[Outcome]:
    """Outcomes as they come; in this process where more would not help."""
    workers = min(workers, len(jobs))
    if workers < 2:
        yield from map(work, jobs)
        return
    pool = concurrent.futures.ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _start_worker
    )
    try:
        futures = [pool.submit(work, job) for job in jobs]
        for future in concurrent.futures.as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise UserError(
            "a worker process died, perhaps for want of memory: the same command resumes, "
            "with --workers=1 in less memory"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """One thread a process, and no process that outlives a killed build."""
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has been started by a build"

    def follow() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _record(task: ClipTask, pixels: Pixels) -> ClipRecord:
    extra = {**task.labels.extra, **pixels.notes}
    return ClipRecord(
        dataclasses.replace(task.labels, extra=extra),
        pixels.flow,
        pixels.flow_unit,
        pixels.onset_image,
        pixels.apex_image,
    )


def _image(crop: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
