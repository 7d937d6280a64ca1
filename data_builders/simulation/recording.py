"""Long recordings of one made-up person: micro-expressions at known times, and what is none.

Between the micro-expressions the face is neutral, blinks, sways, and now and then shows a
macro-expression, larger and held for longer than half a second, or speaks. Databases of spotting
(CAS(ME)², SAMM Long Videos) have micro- and macro-expressions in one recording; speech is what a
film of one's own has besides.
"""

from __future__ import annotations

import dataclasses
import functools

import cv2
import numpy as np

from data_builders.simulation import film, motion, nuisance, scenario
from data_builders.simulation.anatomy import FRAME_SIZE, Pose
from data_builders.simulation.display_rules import CLASSES, draw_display
from data_builders.simulation.motion import Movement
from data_builders.simulation.nuisance import Nuisance
from data_builders.simulation.options import SimulatedOptions
from data_builders.simulation.scenario import Subject
from ethnicmer_jax.base.schema import ActionUnit

MACRO_STRENGTH = 2.5
"""How much farther a macro-expression moves the skin than a micro-expression."""

_SYLLABLES = 8
"""Syllables in a spell of speech, about 4 a second."""

_SPEECH = (ActionUnit(25), ActionUnit(26))

_MARGIN = 0.6
"""Seconds at both ends of its slot in which no expression begins or ends."""


@dataclasses.dataclass(frozen=True)
class Event:
    """One expression or syllable; times in seconds since the recording's first frame.

    Attributes:
      micro: whether it is a micro-expression.
      movements: the Action Units, with their amplitudes at the apex.
      onset: the last moment of the resting face.
      apex: from here on it is held,
      held: until here,
      offset: and at rest again here.
    """

    micro: bool
    movements: tuple[Movement, ...]
    onset: float
    apex: float
    held: float
    offset: float

    def strength(self, seconds: float) -> float:
        """0 before the onset and after the offset, 1 from apex to held, smooth between."""
        rise = (seconds - self.onset) / (self.apex - self.onset)
        fall = (self.offset - seconds) / (self.offset - self.held)
        return 0.5 - 0.5 * float(np.cos(np.pi * np.clip(min(rise, fall), 0.0, 1.0)))


@dataclasses.dataclass(frozen=True)
class Recording:
    """The whole truth of one recording.

    Attributes:
      subject: who.
      pose: where the head is in the first frame.
      events: expressions in order of time, none overlapping.
      seconds: length.
      fps: frames per second.
      nuisance: blinks, head sway and changes of the light over the whole length.
      noise: seed of the camera's noise.
    """

    subject: Subject
    pose: Pose
    events: tuple[Event, ...]
    seconds: float
    fps: float
    nuisance: Nuisance
    noise: int

    def __len__(self) -> int:
        """Number of frames."""
        return int(self.seconds * self.fps)

    @property
    def intervals(self) -> tuple[tuple[int, int], ...]:
        """Onset and offset frame of each micro-expression."""
        return tuple(
            (round(event.onset * self.fps), round(event.offset * self.fps))
            for event in self.events
            if event.micro
        )


def draw(
    options: SimulatedOptions,
    subject: Subject,
    seconds: float,
    micro: int,
    macro: int = 0,
    speech: int = 0,
) -> Recording:
    """Draws what a subject shows in a recording.

    Args:
      options: strength of expressions, frame rate and what disturbs; `head_sway`, `blinks`,
        `lighting` as for clips, `head_jitter` is not used.
      subject: who.
      seconds: length; every expression and spell of speech needs about 3.4 s.
      micro: how many micro-expressions, 0.12 to 0.4 s long as those of simulated clips.
      macro: how many macro-expressions, 0.8 to 2.1 s long.
      speech: how many spells of speech, 2 s long.

    Raises:
      ValueError: there is not enough time for so many expressions.
    """
    count = micro + macro + speech
    if count and seconds / count < 3.4:
        raise ValueError(f"{count} expressions do not fit into {seconds:g} s: give 3.4 s to each")
    identity = options.seed, subject.cohort.database, subject.code, "recording"
    rng = scenario.stream(*identity)
    kinds = rng.permutation(["micro"] * micro + ["macro"] * macro + ["speech"] * speech)
    slot = seconds / max(1, count)
    events = tuple(
        event
        for index, kind in enumerate(kinds)
        for event in (
            _draw_speech(rng, subject, index * slot, slot)
            if kind == "speech"
            else (_draw_event(rng, options, subject, kind == "micro", index * slot, slot),)
        )
    )
    disturbed = nuisance.draw(
        scenario.stream(*identity, "nuisance"),
        options.blinks,
        options.head_sway,
        options.lighting,
        span=(0.0, seconds),
    )
    return Recording(
        subject=subject,
        pose=scenario.draw_pose(rng),
        events=events,
        seconds=seconds,
        fps=options.fps,
        # Mains flicker is left out: its phase depends on the frame rate, not on the person.
        nuisance=dataclasses.replace(disturbed, flicker=nuisance.NONE.flicker),
        noise=int(rng.integers(2**31)),
    )


def shoot(recording: Recording, number: int, sensor_noise: float, jpeg: int = 0) -> np.ndarray:
    """One frame of a recording.

    Args:
      recording: the recording.
      number: of the frame, from 0.
      sensor_noise: standard deviation of the camera's noise, grey levels.
      jpeg: quality of the camera's compression, 1 to 100; 0 for none.

    Returns:
      uint8 [FRAME_SIZE, FRAME_SIZE, 3] RGB; three equal channels for a grey camera.

    Raises:
      ValueError: there is no such frame.
    """
    if not 0 <= number < len(recording):
        raise ValueError(f"the recording has frames 0 to {len(recording) - 1}, not {number}")
    seconds = number / recording.fps
    # Light comes and goes, never faster than in a clip.
    light = nuisance.brightness(recording.nuisance, float(np.sin(seconds)), FRAME_SIZE)
    return film.shot(
        recording.subject,
        recording.pose,
        _displacement(recording, seconds),
        lids=nuisance.closed(recording.nuisance, seconds),
        light=light,
        rng=np.random.default_rng([recording.noise, number]),
        sensor_noise=sensor_noise,
        jpeg=jpeg,
    )


def _displacement(recording: Recording, seconds: float) -> np.ndarray:
    """Where each pixel has gone since the first frame, float32 [FRAME_SIZE, FRAME_SIZE, 2]."""
    start = recording.pose
    matrix = start.matrix_to(nuisance.swayed(recording.nuisance, start, seconds)) - np.eye(2, 3)
    skin = np.zeros((FRAME_SIZE, FRAME_SIZE, 2), np.float32)
    for event in recording.events:
        strength = event.strength(seconds)
        if strength > 0:
            skin = skin + np.float32(strength) * _field(recording.subject, start, event.movements)
    axis = np.arange(FRAME_SIZE, dtype=np.float32)
    return skin + cv2.transform(np.dstack(np.meshgrid(axis, axis)) + skin, matrix)


@functools.lru_cache(maxsize=16)
def _field(subject: Subject, pose: Pose, movements: tuple[Movement, ...]) -> np.ndarray:
    axis = np.arange(FRAME_SIZE, dtype=np.float64)
    return motion.field(subject.person.anatomy, pose, movements, axis, axis)


def _draw_event(
    rng: np.random.Generator,
    options: SimulatedOptions,
    subject: Subject,
    micro: bool,
    start: float,
    slot: float,
) -> Event:
    """One expression at a random time in its slot."""
    rise, fall = rng.uniform(0.06, 0.2, 2) if micro else rng.uniform(0.2, 0.5, 2)
    hold = 0.0 if micro else float(rng.uniform(0.4, 1.1))
    length = float(rise + hold + fall)
    onset = float(start + _MARGIN + rng.uniform(0, slot - 2 * _MARGIN - length))
    shown = draw_display(
        rng,
        CLASSES[int(rng.choice(len(CLASSES), p=subject.shares))],
        subject.cohort.ethnicity,
        options.effect,
    ).action_units
    movements = scenario.draw_movements(rng, options, subject, shown)
    gain = 1.0 if micro else MACRO_STRENGTH
    return Event(
        micro=micro,
        movements=tuple(Movement(m.action_unit, gain * m.amplitude) for m in movements),
        onset=onset,
        apex=onset + float(rise),
        held=onset + float(rise) + hold,
        offset=onset + length,
    )


def _draw_speech(
    rng: np.random.Generator, subject: Subject, start: float, slot: float
) -> tuple[Event, ...]:
    """Syllables, one after the other: lips part and jaw drops, as long as a micro-expression."""
    ends = np.cumsum(rng.uniform(0.16, 0.32, _SYLLABLES))
    first = float(start + _MARGIN + rng.uniform(0, max(0.0, slot - 2 * _MARGIN - ends[-1])))
    events = []
    for begin, end in zip((0.0, *ends[:-1]), ends, strict=True):
        middle = first + float(begin + end) / 2
        open_ = subject.intensity * float(rng.lognormal(0.3, 0.4))
        movements = tuple(Movement(unit, open_) for unit in _SPEECH)
        events.append(
            Event(False, movements, first + float(begin), middle, middle, first + float(end))
        )
    return tuple(events)
