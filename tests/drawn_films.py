"""Drawn clips as films without a coded apex, in files and in memory."""

import dataclasses

import cv2

from data_builders.simulation.options import SimulatedOptions, parse_cohorts
from data_builders.sources import simulated
from data_builders.sources.base import ClipTask, Film, FrameSequence
from data_builders.sources.simulated import DrawnClip

OPTIONS = SimulatedOptions(
    cohorts=parse_cohorts("sim:Asian:1,grey:White:1:grey"),
    clips_per_subject=3.0,
    fps=100.0,
    jpeg=90,
)


@dataclasses.dataclass(frozen=True)
class DrawnFilm(Film):
    """All frames of a drawn clip, onset to offset."""

    clip: DrawnClip

    def frames(self):
        return ((n, self.frame(n)) for n in range(self.clip.spec.onset, self.clip.spec.offset + 1))

    def frame(self, number):
        return self.clip.frame(number)


def clips(options=OPTIONS):
    """Tasks of the source `simulated`, with `DrawnClip` motions."""
    return simulated.list_clips(options).tasks


def in_files(task, folder):
    """The same clip as a `FrameSequence` of PNG files, without its coded apex."""
    folder.mkdir(parents=True)
    spec = task.motion.spec
    numbers = tuple(range(spec.onset, spec.offset + 1))
    paths = tuple(folder / f"img{number}.png" for number in numbers)
    for number, path in zip(numbers, paths, strict=True):
        cv2.imwrite(str(path), task.motion.frame(number)[..., ::-1])
    labels = dataclasses.replace(task.labels, apex=-1)
    return ClipTask(labels, FrameSequence(numbers, paths))
