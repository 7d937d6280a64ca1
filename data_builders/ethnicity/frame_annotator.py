"""Annotators that look: a classifier applied to the face crops of each clip."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from data_builders.ethnicity.votes import Vote
from data_builders.pixels import faces
from data_builders.sources.base import ClipTask, Film, GivenFlow


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What a classifier sees in one face; fields as in `Vote`."""

    probabilities: tuple[float, ...]
    age_decade: int = -1
    gender: str = "unknown"


class Classifier(Protocol):
    """Judges one face.

    Attributes:
      name: how it is called in the results.
      size: side in pixels of the crops it wants.
      margin: share of the face's size that it wants around the face.
    """

    name: str
    size: int
    margin: float

    def judge(self, face: np.ndarray) -> Judgement:
        """Judges a uint8 [size, size, 3] RGB crop."""


@dataclasses.dataclass(frozen=True)
class FrameAnnotator:
    """Votes by the mean of what a classifier sees at onset and at apex.

    Attributes:
      classifier: who looks.
      tasks: the clips to look at.
      detector: one of `faces.DETECTORS`.
    """

    classifier: Classifier
    tasks: Sequence[ClipTask]
    detector: str = "retinaface"

    @property
    def name(self) -> str:
        """The classifier's name."""
        return self.classifier.name

    def __len__(self) -> int:
        """The clips to look at."""
        return len(self.tasks)

    def votes(self) -> Iterator[Vote]:
        """See `Annotator.votes`."""
        options = faces.FaceOptions(
            self.detector, self.classifier.size, self.classifier.margin, whole_head=True
        )
        for task in self.tasks:
            yield self._vote(task, options)

    def _vote(self, task: ClipTask, options: faces.FaceOptions) -> Vote:
        who = *task.labels.identity, self.name
        try:
            seen = [self.classifier.judge(crop) for crop in _crops(task, options)]
        except ValueError as error:
            return Vote(*who, None, str(error))
        onset = seen[0]
        columns = zip(*(judgement.probabilities for judgement in seen), strict=True)
        mean = tuple(math.fsum(column) / len(seen) for column in columns)
        return Vote(*who, mean, "", onset.age_decade, onset.gender)


def _crops(task: ClipTask, options: faces.FaceOptions) -> tuple[np.ndarray, np.ndarray]:
    """The faces at onset and apex; of a clip without a coded apex, at onset and offset.

    Raises:
      ValueError: a frame cannot be read, there is no face, or there are no frames.
    """
    if isinstance(task.motion, GivenFlow):
        raise ValueError("the clip comes as flow: there is no face to look at")
    if isinstance(task.motion, Film):
        seen = (frame for _, frame in task.motion.frames())
        onset = next(seen)
        (later,) = collections.deque(seen, maxlen=1)  # one frame at a time: films may be long
    else:
        onset, later = task.motion.read()
    pair = faces.crop_pair(onset, later, options, clip=task.key)
    return pair.onset, pair.apex
