"""What one size of a problem costs: a plan, what is laid out for it, and training; for `scaling`.

    python -m benchmarks.scaling_point '{"subjects": 100, "clips": 1000, "trained": 16}'

prints the figures as JSON. It is a process of its own so that its peak memory is that of one size.
"""

from __future__ import annotations

import dataclasses
import json
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from ethnicmer_jax.base import class_schemes, environment
from ethnicmer_jax.base.schema import ClipLabels, ClipRecord
from ethnicmer_jax.data import class_labels, dataset
from ethnicmer_jax.data.dataset import Dataset

BATCH, EVAL_BATCH, FLIGHT = 32, 16, 16
"""Clips of a step, clips predicted at a time, and folds of which the host lays out an epoch."""


@dataclasses.dataclass(frozen=True)
class Point:
    """A size.

    Attributes:
      subjects: persons, half of them in each group and database.
      clips: of all of them.
      seeds: of LOSO; the table has subjects × seeds folds.
      draws: of the study whose plan is made instead; 0 for LOSO.
      trained: how many folds of the table are trained.
      epochs: of training.
    """

    subjects: int
    clips: int
    seeds: int = 1
    draws: int = 0
    trained: int = 0
    epochs: int = 2


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of a point.

    Attributes:
      folds: of its table.
      plan: seconds of making the table.
      plan_memory: bytes, the peak while it was made.
      held: bytes of both sets of all folds.
      constants: seconds of what distinguishes the folds.
      host: seconds of the host for one fold and epoch.
      training: seconds of training one fold for one epoch, without compilation; NaN where none is.
      memory: bytes, the peak of the process.
    """

    folds: int
    plan: float
    plan_memory: int
    held: int
    constants: float
    host: float
    training: float
    memory: int


def measure(point: Point) -> Cost:
    """Makes the plan of a point, lays it out, and trains some of its folds."""
    from configs import common
    from ethnicmer_jax.data import targets
    from ethnicmer_jax.protocols import build
    from ethnicmer_jax.training import batches

    config = common.get_config()
    config.checkpoint.keep = "none"
    config.optim.epochs, config.optim.batch_size = point.epochs, BATCH
    config.protocol.seeds = point.seeds
    if point.draws:
        config.protocol.name, config.protocol.draws = "study", point.draws
        config.protocol.control_draws = point.draws
    clips = _clips(point, size=28 if point.trained else 2)
    seconds, plan = _timed(lambda: build(config.protocol, clips, config.seed))
    tracemalloc.start()
    build(config.protocol, clips, config.seed)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    labels = targets.build(clips, config.model.ethnic_target, plan.grouping)
    folds = plan.folds
    constants, _ = _timed(lambda: batches.constants(config, labels, folds, EVAL_BATCH))
    some = folds.select(slice(FLIGHT))
    room = batches.steps_per_epoch(folds, BATCH)
    host, _ = _timed(lambda: batches.epoch(some, 0, BATCH, room))
    training = float("nan")
    if point.trained:
        training = _training(config, clips, labels, folds.select(slice(point.trained)))
    codes = {code for sets in (folds.train, folds.test) for code in sets.codes}
    return Cost(
        len(folds),
        seconds,
        peak,
        sum(map(sys.getsizeof, codes)) + 16 * len(folds),  # and what refers to them
        constants,
        host / len(some),
        training,
        1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    )


def _training(config: Any, clips: Dataset, labels: Any, folds: Any) -> float:
    from ethnicmer_jax.training.engine import Engine

    def train() -> object:
        return Engine(config, clips, labels, folds).train()

    train()  # compiles
    return _timed(train)[0] / (len(folds) * config.optim.epochs)


def _clips(point: Point, size: int) -> Dataset:
    """Flow of noise; clips are dealt to persons, emotions to clips, in turn."""
    noise = np.random.default_rng(0).normal(size=(64, size, size, 3)).astype(np.float32)
    made = []
    for number in range(point.clips):
        who = number % point.subjects
        database, group = (("laba", "Asian"), ("labb", "White"))[who % 2]
        emotion = ("negative", "positive", "surprise")[number // point.subjects % 3]
        labels = ClipLabels(
            database=database,
            subject=f"s{who:05d}",
            clip=f"c{number:06d}",
            emotion=emotion,
            raw_emotion=emotion,
            ethnicity=group,
        )
        made.append(ClipRecord(labels, noise[number % 64], flow_unit="percent_of_width"))
    return class_labels.classed(dataset.from_records(made), class_schemes.parse("3")).dataset


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    environment.prefer_core_devices()
    print(json.dumps(dataclasses.asdict(measure(Point(**json.loads(sys.argv[1]))))))
