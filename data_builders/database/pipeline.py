"""Computes clips: tasks in, records out, in parallel processes and resumable.

Faces are cut out in worker processes; flow that is computed in batches (`flow.IN_BATCHES`)
follows in one process more, see `parallel`. The pixels of each clip go through a `ClipCache`, so
that only labels are held in memory, a killed build goes on where it stopped, and everything that
is wrong with a database is known before the first byte of it is written.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from data_builders.database import apex_search, parallel
from data_builders.database.cache import ClipCache, Pixels, fingerprint
from data_builders.pixels import faces, flow, stabilise
from data_builders.pixels.apex import FoundApex
from data_builders.sources.base import ClipTask, Film, FrameReader, GivenFlow, Motion, Problem
from ethnicmer_jax.base import crop, settings
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.base.progress import Progress
from ethnicmer_jax.base.schema import ClipRecord

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
      margin: share of the crop's side that is added on every side.
      align: whether the eyes are brought to the same place in every crop.
      stabilise: what of the head's movement is taken out of the flow, one of
        `stabilise.KINDS`; not used for clips that come as flow.
      workers: parallel processes that cut out faces, and threads that compute flow in batches;
        changes the time only.
      strict: whether every reported problem is a failure; changes no clip.
    """

    flow_method: str = "tvl1"
    flow_size: int = 28
    image_size: int = 112
    detector: str = "retinaface"
    crop_size: int = 224
    margin: float = crop.MARGIN
    align: bool = True
    stabilise: str = stabilise.DEFAULT
    workers: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)
    strict: bool = False

    def __post_init__(self) -> None:
        for name in ("flow_method", "flow_size", "image_size", "detector", "stabilise"):
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
    return record_of(task, compute(task.motion, options))


def compute(motion: Motion, options: BuildOptions) -> Pixels:
    """Flow file, or frames -> face crops -> flow: the pixels of one clip.

    Raises:
      ValueError: a file is unreadable, or no face is found.
    """
    if isinstance(motion, GivenFlow):
        return Pixels(*motion.flow(options.flow_size, options.stabilise))
    return with_flow([cut_out(motion, options)], options)[0]


@dataclasses.dataclass(frozen=True)
class Crops:
    """What is known of a clip before its flow.

    Attributes:
      onset, apex: uint8 [crop_size, crop_size], grey face crops that the flow is computed on.
      onset_image, apex_image: uint8 [image_size, image_size, 3] RGB, as they are stored.
      notes: what the face detector has to tell.
      found: the apex with the curve that it was found on; None where it was coded.
    """

    onset: np.ndarray
    apex: np.ndarray
    onset_image: np.ndarray
    apex_image: np.ndarray
    notes: Mapping[str, str]
    found: FoundApex | None = None


def cut_out(motion: FrameReader | Film, options: BuildOptions) -> Crops:
    """Frames -> face crops of one clip.

    Raises:
      ValueError: a file is unreadable, or no face is found.
    """
    seen = apex_search.read(motion, options.detector)
    pair = faces.crop_pair(seen.onset, seen.apex, options.faces())
    return Crops(
        flow.grey(pair.onset),
        flow.grey(pair.apex),
        _image(pair.onset, options.image_size),
        _image(pair.apex, options.image_size),
        {
            "face_box": " ".join(map(str, pair.box)),
            "face_score": f"{pair.score:.4f}",
            FACE_NOTES: "; ".join((*pair.notes, *seen.doubts)),
            **seen.notes,
        },
        seen.found,
    )


def with_flow(clips: Sequence[Crops], options: BuildOptions, threads: int = 1) -> list[Pixels]:
    """Face crops -> flow; the pixels of a clip do not depend on the others.

    Args:
      clips: at least one.
      options: how flow is computed and stored.
      threads: see `flow.compute_many`.
    """
    onsets, apexes = (np.stack([getattr(c, name) for c in clips]) for name in ("onset", "apex"))
    flows = flow.compute_many(onsets, apexes, options.flow_method, threads)
    geometry = options.faces().geometry or CropGeometry.of_margin()
    flows = stabilise.without_head(flows, geometry, options.stabilise)
    return [
        Pixels(
            flow.to_record(uv, options.flow_size),
            "percent_of_width",
            clip.onset_image,
            clip.apex_image,
            clip.notes,
        )
        for clip, uv in zip(clips, flows, strict=True)
    ]


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


@dataclasses.dataclass(frozen=True)
class _CutOut(parallel.Unfinished):
    """A clip whose flow is to be computed in a batch."""

    job: Job
    crops: Crops


def fill(job: Job, options: BuildOptions, cache: ClipCache) -> Outcome:
    """Computes one clip into the cache unless it is there already."""
    return next(parallel.in_two_stages(*_stages(options, cache), [job], workers=1))


def _stages(options: BuildOptions, cache: ClipCache) -> tuple[Callable, Callable]:
    return (
        functools.partial(_first_stage, options=options, cache=cache),
        functools.partial(_second_stage, options=options, cache=cache),
    )


def _first_stage(job: Job, options: BuildOptions, cache: ClipCache) -> Outcome | _CutOut:
    pixels = cache.load(job.key)
    if pixels is None:
        motion = job.task.motion
        try:
            if not isinstance(motion, GivenFlow) and options.flow_method in flow.IN_BATCHES:
                return _CutOut(job, cut_out(motion, options))
            pixels = compute(motion, options)
        except ValueError as error:
            return job.task.key, Problem(job.task.key, str(error))
        cache.store(job.key, pixels)
    return _outcome(job, pixels.notes)


def _second_stage(
    clips: Sequence[_CutOut], options: BuildOptions, cache: ClipCache
) -> list[Outcome]:
    found = with_flow([clip.crops for clip in clips], options, options.workers)
    for clip, pixels in zip(clips, found, strict=True):
        cache.store(clip.job.key, pixels)
    return [_outcome(clip.job, clip.crops.notes) for clip in clips]


def _outcome(job: Job, notes: Mapping[str, str]) -> Outcome:
    clip, reported = job.task.key, notes.get(FACE_NOTES)
    return clip, Problem(clip, reported, fatal=False) if reported else None


def process(jobs: Sequence[Job], options: BuildOptions, cache: ClipCache) -> tuple[Problem, ...]:
    """Computes the clips that the cache does not hold yet.

    Returns:
      What is wrong with the clips, in their order: fatal where a clip could not be
      computed, not fatal where its face crop deserves a look.

    Raises:
      UserError: a worker process died.
    """
    stages = _stages(options, cache)
    given = [job for job in jobs if isinstance(job.task.motion, GivenFlow)]
    others = [job for job in jobs if not isinstance(job.task.motion, GivenFlow)]
    # Starting a process takes longer than reading a few hundred flow files.
    workers = min(options.workers, len(others))
    done = itertools.chain(
        parallel.in_two_stages(*stages, given, workers=1),
        parallel.in_two_stages(*stages, others, workers),
    )
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
    return record_of(job.task, compute(job.task.motion, options) if pixels is None else pixels)


def record_of(task: ClipTask, pixels: Pixels) -> ClipRecord:
    """The record of a clip whose pixels are there."""
    return ClipRecord(
        apex_search.labelled(task.labels, pixels.notes),
        pixels.flow,
        pixels.flow_unit,
        pixels.onset_image,
        pixels.apex_image,
    )


def _image(crop: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
